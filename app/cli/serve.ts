import type { Command } from "commander"
import { type BoxOptions, boxCommand, configOf, end } from "./command.ts"
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
      await end(context, options, serve(context, options))
    })
}

async function serve({ needs }: CliContext, options: ServeOptions): Promise<Outcome> {
  const config = configOf(options)
  // Whoever started it must not try again and again; a command that somebody types fails as any other does.
  if (config.kind === "failed") return { kind: "misconfigured", why: config.why }
  const stopped = await needs.serve(config.value)
  return stopped.kind === "ok" ? { kind: "yes" } : stopped
}
