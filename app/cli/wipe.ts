import { join, resolve } from "node:path"
import type { Command } from "commander"
import { openShelf } from "../backup/shelf.ts"
import { silentLog } from "../base/log.ts"
import { wipeFolder } from "../box/wipe.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface WipeOptions extends BoxOptions {
  readonly yes?: boolean
  readonly certificate?: string
}

export function wipeCommand(context: CliContext): Command {
  return jsonCommand("wipe", "shred the data folder, its keys first, and the backups on its shelf: for a box that goes back")
    .option("--yes", "do it; there is no way back. Without it only what would be done is said")
    .option("--certificate <file>", "where the signed certificate goes; not into the data folder")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .action(async (options: WipeOptions) => {
      const work = withConfig(options, async ({ dataFolder, vault, backup }): Promise<Outcome> => {
        const certificate = options.certificate === undefined ? undefined : resolve(options.certificate)
        if (certificate?.startsWith(`${dataFolder}/`))
          return { kind: "failed", why: `${certificate} lies in the data folder, which goes: choose another place` }
        const shelf = openShelf(dataFolder, backup)
        const inside = shelf.folder.startsWith(`${dataFolder}/`)
        const backups = inside ? [] : (await shelf.list()).map(({ name }) => join(shelf.folder, name))
        if (options.yes !== true) {
          const more = backups.length === 0 ? "" : ` and ${backups.length} backups in ${shelf.folder}`
          return { kind: "failed", why: `this shreds everything in ${dataFolder}${more}, for good: give --yes` }
        }
        const wiped = await wipeFolder({ dataFolder, vault, backups }, { log: silentLog })
        if (wiped.kind === "failed") return wiped
        if (certificate !== undefined && wiped.certificate !== undefined)
          await Bun.write(certificate, `${JSON.stringify(wiped.certificate)}\n`)
        if (options.json === true) printJson(context, wiped.certificate ?? wiped.body)
        else {
          const { files, bytes, steps, left } = wiped.body
          context.terminal.out(`${dataFolder}: ${files} files with ${bytes} bytes are gone`)
          for (const step of steps) context.terminal.out(`- ${step}`)
          for (const one of left) context.terminal.out(`Not ours to remove: ${one}`)
          if (wiped.certificate === undefined)
            context.terminal.err("The folder could not be opened, so there is no signed certificate")
        }
        return { kind: "yes" }
      })
      await end(context, options, work)
    })
}
