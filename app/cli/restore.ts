import { resolve } from "node:path"
import type { Command } from "commander"
import { checkBackup } from "../backup/make.ts"
import { restoreBackup } from "../backup/restore.ts"
import type { Config } from "../config/config.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted } from "./terminal.ts"

interface RestoreOptions extends BoxOptions {
  readonly replace?: boolean
  readonly check?: boolean
}

export function restoreCommand(context: CliContext): Command {
  return jsonCommand("restore", "make the data folder of a backup; the box must be stopped")
    .argument("<file>", "what gatehouse backup wrote")
    .option("--replace", "put the gallery that is there aside and take its place")
    .option("--check", "only read the backup, and say whether it is whole")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .action(async (file: string, options: RestoreOptions) =>
      end(
        context,
        options,
        withConfig(options, (config) =>
          options.check === true ? check(context, file, options) : run(context, config, file, options),
        ),
      ),
    )
}

async function check(context: CliContext, file: string, options: RestoreOptions): Promise<Outcome> {
  const checked = await checkBackup(resolve(file))
  if (checked.kind === "failed") return checked
  if (options.json === true) printJson(context, checked.value)
  else context.terminal.out(`${file} is whole: ${describe(checked.value)}`)
  return { kind: "yes" }
}

async function run(context: CliContext, config: Config, file: string, options: RestoreOptions): Promise<Outcome> {
  const told = { replace: options.replace === true, backupsFolder: config.backup.folder }
  const restored = await restoreBackup(resolve(file), config.dataFolder, told)
  if (restored.kind === "failed") return restored
  const { manifest, asideFolder } = restored.value
  if (options.json === true) printJson(context, { dataFolder: config.dataFolder, ...restored.value })
  else {
    context.terminal.out(`${config.dataFolder} holds ${describe(manifest)}`)
    if (asideFolder !== undefined)
      context.terminal.out(`What was there before lies in ${asideFolder}; delete it when it is not needed`)
  }
  return { kind: "yes" }
}

function describe({
  rows,
  createdAtMs,
  program,
}: {
  rows: Readonly<Record<string, number>>
  createdAtMs: number
  program: string
}) {
  const { subjects = 0, faces = 0, sightings = 0 } = rows
  const held = `${counted(subjects, "person", "people")}, ${counted(faces, "face")}, ${counted(sightings, "sighting")}`
  return `${held}, of ${new Date(createdAtMs).toISOString()}, written by Gatehouse ${program}`
}
