import { selfCommand } from "../../../app/base/self.ts"
import { compiledProgram } from "../../../tests/support/compiled.ts"

/** What the runs start as a box: the compiled file as it would be shipped, or, to try the runs themselves out, the sources. */
export type Program = readonly string[]

/** @param named `source`, the main.ts of another checkout, the path of a compiled file, or nothing: then one is made of the sources */
export async function programOf(named: string | undefined): Promise<Program> {
  if (named === "source") return selfCommand()
  if (named?.endsWith(".ts") === true) return [process.execPath, named]
  return [named ?? (await compiledProgram()).program]
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command of the program to its end. */
export async function runProgram(
  program: Program,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = Bun.spawn([...program, ...argv], {
    env: { ...process.env, GATEHOUSE_LOG: "warn", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, err }
}

/** … that has to go well; a failure is thrown with its words. */
export async function done(ran: Promise<Ran>, what: string): Promise<string> {
  const { code, out, err } = await ran
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${err}${out}`)
  return out
}
