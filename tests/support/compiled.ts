import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { version } from "../../app/base/version.ts"

/** The compiled file for this machine as build.ts leaves it: packed loosely, as it is tried and never passed on. */
export interface CompiledProgram {
  /** Where it lies, with its hash and its bill of materials beside it. */
  readonly folder: string
  readonly program: string
}

let built: Promise<CompiledProgram> | undefined

/** Made of the sources as they are, once for all tests of a run. */
export function compiledProgram(): Promise<CompiledProgram> {
  built ??= build()
  return built
}

async function build(): Promise<CompiledProgram> {
  // No temporary folder: nothing is told when the last test of a run is over, and this one is simply filled anew by the next run.
  const folder = join(projectRoot, ".cache/tests/compiled")
  const child = Bun.spawn([process.execPath, "build.ts", "--level", "1", "--out", folder], {
    cwd: projectRoot,
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`build.ts ended with ${code}\n${said}${out}`)
  return { folder, program: join(folder, `gatehouse-${version}-linux-${process.arch}`) }
}
