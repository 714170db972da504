import { Command } from "commander"
import type { CliContext } from "./needs.ts"

/** Started by the box itself: one process that runs models and keeps no state. */
export function engineCommand({ needs }: CliContext): Command {
  return new Command("engine")
    .description("run models for a box (started by it)")
    .requiredOption("--socket <path>", "unix socket of the box")
    .action(async ({ socket }: { socket: string }) => needs.runEngine(socket))
}
