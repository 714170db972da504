import { resolve } from "node:path"
import type { Command } from "commander"
import { makeBackup } from "../backup/make.ts"
import { openShelf } from "../backup/shelf.ts"
import type { Config } from "../config/config.ts"
import { findMasterKeys } from "../vault/master.ts"
import { masterPlaces } from "../vault/open.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted } from "./terminal.ts"

interface BackupOptions extends BoxOptions {
  readonly number?: string
}

export function backupCommand(context: CliContext): Command {
  const command = jsonCommand("backup", "write everything the box holds into one checked file; the box may go on running")
    .argument("[file]", "where to; without it, the next one in the folder of backups, where the oldest leave")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .action(async (file: string | undefined, options: BackupOptions) =>
      end(
        context,
        options,
        withConfig(options, (config) => run(context, config, file, options)),
      ),
    )
  // Told by the box, which keeps count.
  const number = command.createOption("--number <count>").hideHelp()
  return command.addOption(number)
}

async function run(context: CliContext, config: Config, file: string | undefined, options: BackupOptions): Promise<Outcome> {
  const shelf = openShelf(config.dataFolder, config.backup)
  const next = file === undefined ? await shelf.next(Date.now()) : { file: resolve(file), number: Number(options.number ?? 0) }
  const masters = findMasterKeys(masterPlaces(config.dataFolder, config.vault))
  if (masters.kind === "failed") return masters
  const offered = masters.value.map(({ material }) => material)
  const made = await makeBackup(config.dataFolder, next.file, next.number, offered)
  if (made.kind === "failed") return made
  if (file === undefined) await shelf.trim()
  const { rows, payload } = made.value
  if (options.json === true) printJson(context, { file: next.file, ...made.value })
  else {
    const { subjects = 0, faces = 0, sightings = 0 } = rows
    const held = `${counted(subjects, "person", "people")}, ${counted(faces, "face")}, ${counted(sightings, "sighting")}`
    context.terminal.out(`${next.file}: ${held}, ${(payload.bytes / 1e6).toFixed(1)} MB, read again and found whole`)
    context.terminal.out(
      payload.sealing === "none"
        ? "It is not sealed, as the data folder is not: whoever has the file reads everything in it"
        : "It is sealed: it opens with the master key of this box, or with the recovery key",
    )
  }
  return { kind: "yes" }
}
