import { Command } from "commander"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

export function adminCommand(context: CliContext): Command {
  return new Command("admin").description("keys of this box; works on the machine itself alone").addCommand(
    jsonCommand("reset-key", "make a new admin key and void the old one; a running box takes it at once")
      .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
      .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
      .action(async (options: BoxOptions) => {
        const reset = withConfig(options, async (config): Promise<Outcome> => {
          const key = await context.needs.resetAdminKey(config)
          if (key.kind === "failed") return key
          if (options.json === true) printJson(context, { adminKey: key.value })
          else {
            context.terminal.err("New admin key; it is shown this once, and the box keeps only its hash:")
            context.terminal.out(key.value)
          }
          return { kind: "yes" }
        })
        await end(context, options, reset)
      }),
  )
}
