import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../../app/base/paths.ts"
import { type LoadDetails, loadDetailsSchema } from "../../bench/load/summary.ts"
import type { Target } from "../../bench/support/client.ts"

/** Loose: the file holds the machine and the options, too. */
const resultFile = z.object({ details: loadDetailsSchema })

/**
 * Runs `scripts/bench/load.ts` against a box and gives back what it measured.
 * @param options command-line options of that program, with `out` for where result and page go (a temporary file)
 */
export async function runLoad({ url, key }: Target, options: Readonly<Record<string, string | number>>): Promise<LoadDetails> {
  const out = String(options.out ?? join(tmpdir(), `gatehouse-load-${process.pid}.json`))
  const told = Object.entries({ ...options, url, key, out }).map(([name, value]) => `--${name}=${value}`)
  const child = Bun.spawn([process.execPath, join(projectRoot, "scripts/bench/load.ts"), ...told], {
    stdout: "inherit",
    stderr: "inherit",
  })
  if ((await child.exited) !== 0) throw new Error(`the load generator ended with ${child.exitCode}`)
  return resultFile.parse(JSON.parse(await readFile(out, "utf8"))).details
}

/** Answers that an overloaded box may give; what else there was, as `status: number`. */
export function unstatedAnswers({ statuses }: Pick<LoadDetails, "statuses">): string[] {
  return Object.entries(statuses)
    .filter(
      ([status]) =>
        !/^(200|201|202|204|429 rate_limited|503 (overloaded|deadline_exceeded|superseded))( degraded)?$/.test(status),
    )
    .map(([status, number]) => `${status}: ${number}`)
}
