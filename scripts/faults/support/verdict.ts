import { formatTable } from "../../../app/cli/terminal.ts"
import { describeMachine, machineLine } from "../../bench/support/machine.ts"

/** One promise held against a run. */
export interface Check {
  readonly promise: string
  readonly measured: string
  readonly holds: boolean
}

export function check(promise: string, measured: string | number, holds: boolean): Check {
  return { promise, measured: String(measured), holds }
}

/** Prints what was measured where, and sets the exit code: 0 only if every promise held. */
export async function conclude(title: string, checks: readonly Check[]): Promise<void> {
  console.log(`\n${title}\n${machineLine(await describeMachine())}\n`)
  console.log(
    formatTable(
      ["", "promise", "measured"],
      checks.map(({ promise, measured, holds }) => [holds ? "held" : "BROKEN", promise, measured]),
    ),
  )
  process.exitCode = checks.every(({ holds }) => holds) ? 0 : 1
}
