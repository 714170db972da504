import type { Command } from "commander"
import { type BoxOptions, boxCommand, end, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface ServeOptions extends BoxOptions {
  readonly host?: string
  readonly port?: string
}

export function serveCommand(context: CliContext): Command {
  return boxCommand("serve", "start the box and answer over HTTP until it is told to stop")
    .option("--host <address>", "address to listen on; 127.0.0.1 answers this machine alone (GATEHOUSE_HOST)")
    .option("--port <number>", "port to listen on; 0 takes a free one (GATEHOUSE_PORT)")
    .action(async (options: ServeOptions) => {
      const served = withConfig(options, async (config): Promise<Outcome> => {
        const stopped = await context.needs.serve(config)
        return stopped.kind === "ok" ? { kind: "yes" } : stopped
      })
      await end(context, options, served)
    })
}
