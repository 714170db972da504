import { resolve } from "node:path"
import type { Command } from "commander"
import { end, type JsonOption, jsonCommand, printJson } from "./command.ts"
import { printDone } from "./install.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface UninstallOptions extends JsonOption {
  readonly root: string
  readonly purge?: boolean
  readonly yes?: boolean
}

export function uninstallCommand(context: CliContext): Command {
  return jsonCommand("uninstall", "take away what install has put in place; the data stay")
    .option("--root <folder>", "another machine's root file system, which lies still, in place of this machine's", "/")
    .option("--purge", "people, sightings, keys and settings as well; `gatehouse wipe` before it shreds them")
    .option("--yes", "with --purge: do it; there is no way back")
    .action(async (options: UninstallOptions) => end(context, options, run(context, options)))
}

async function run(context: CliContext, options: UninstallOptions): Promise<Outcome> {
  const purges = options.purge === true
  if (purges && options.yes !== true)
    return { kind: "failed", why: "--purge removes everybody who is enrolled, for good: give --yes as well" }
  const { uninstall } = await import("./install/uninstall.ts")
  const uninstalled = await uninstall({ root: resolve(options.root), purges })
  if (uninstalled.kind === "failed") return uninstalled
  if (options.json === true) printJson(context, uninstalled.value)
  else printDone(context, uninstalled.value)
  return { kind: "yes" }
}
