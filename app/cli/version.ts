import type { Command } from "commander"
import { version } from "../base/version.ts"
import { end, type JsonOption, jsonCommand, printJson } from "./command.ts"
import type { CliContext } from "./needs.ts"

export function versionCommand(context: CliContext): Command {
  return jsonCommand("version", "print the versions of Gatehouse and of its runtime").action(async (options: JsonOption) => {
    const versions = { gatehouse: version, bun: Bun.version, platform: `${process.platform}-${process.arch}` }
    if (options.json === true) printJson(context, versions)
    else context.terminal.out(`gatehouse ${version} (Bun ${versions.bun}, ${versions.platform})`)
    await end(context, options, { kind: "yes" })
  })
}
