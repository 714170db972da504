import { resolve } from "node:path"
import type { Command } from "commander"
import { isCompiled } from "../base/resources/folder.ts"
import { profileChoice } from "../config/profile.ts"
import { end, type JsonOption, jsonCommand, printJson } from "./command.ts"
import type { Done } from "./install/put.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface InstallOptions extends JsonOption {
  readonly root: string
  readonly profile?: string
  readonly program?: string
  readonly gpu?: boolean
  readonly now?: boolean
}

export function installCommand(context: CliContext): Command {
  return jsonCommand("install", "make this machine a box: the program, a service of systemd, and the profile, in their places")
    .option("--root <folder>", "another machine's root file system, which lies still, in place of this machine's", "/")
    .option(
      "--profile <name>",
      `settings for a kind of machine: ${profileChoice.options.join(", ")}; said or not, it can be changed later`,
    )
    .option("--gpu", "the service that may use an accelerator's devices")
    .option("--now", "start it, or start it again, when all is in place")
    .option("--program <file>", "the compiled program to install; by itself this very file")
    .action(async (options: InstallOptions) => end(context, options, run(context, options)))
}

async function run(context: CliContext, options: InstallOptions): Promise<Outcome> {
  const program = options.program ?? (isCompiled ? process.execPath : undefined)
  if (program === undefined)
    return {
      kind: "failed",
      why: "only the compiled file can be installed: build one (bun run build.ts) and name it with --program",
    }
  if (!(await Bun.file(program).exists())) return { kind: "failed", why: `${program} is not there: name the compiled file` }
  const profile = profileChoice.optional().safeParse(options.profile)
  if (!profile.success)
    return { kind: "failed", why: `there is no profile ${options.profile}: one of ${profileChoice.options.join(", ")}` }

  const { install } = await import("./install/install.ts")
  const installed = await install({
    root: resolve(options.root),
    program: resolve(program),
    variant: options.gpu === true ? "gpu" : "cpu",
    profile: profile.data,
    now: options.now === true,
  })
  if (installed.kind === "failed") return installed
  if (options.json === true) printJson(context, installed.value)
  else printDone(context, installed.value)
  return { kind: "yes" }
}

export function printDone(
  { terminal }: CliContext,
  { done, notes }: { done: readonly Done[]; notes: readonly string[] },
): void {
  for (const { path, did } of done) terminal.out(`${did.padEnd(9)}  ${path}`)
  for (const note of notes) terminal.out(note)
}
