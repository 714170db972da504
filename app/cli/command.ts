import { Command } from "commander"
import type { Result } from "../base/result.ts"
import { type Config, readConfig } from "../config/config.ts"
import { profileChoice } from "../config/profile.ts"
import type { CliContext } from "./needs.ts"
import { exitCodes, type Outcome } from "./outcome.ts"

export interface JsonOption {
  readonly json?: boolean
}

/** The settings of the box that a command line may say; stronger than the environment. */
export interface BoxOptions extends JsonOption {
  readonly config?: string
  readonly profile?: string
  readonly data?: string
  readonly engines?: string
  readonly set?: string
}

/** A command that prints `--json` when asked. */
export function jsonCommand(name: string, description: string): Command {
  return new Command(name).description(description).option("--json", "print the result as one JSON document")
}

/** A command that opens the data folder alone. */
export function folderCommand(name: string, description: string): Command {
  return jsonCommand(name, description)
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
}

/** One of several commands of a kind: `doWork` does each of them with the data folder that the options name. */
export function folderWork<Work extends { readonly name: string; readonly description: string }>(
  context: CliContext,
  work: Work,
  doWork: (work: Work, context: CliContext, config: Config, options: BoxOptions) => Promise<Outcome>,
): Command {
  return folderCommand(work.name, work.description).action((options: BoxOptions) =>
    end(
      context,
      options,
      withConfig(options, (config) => doWork(work, context, config, options)),
    ),
  )
}

/** A command that opens the engines. */
export function enginesCommand(name: string, description: string): Command {
  return jsonCommand(name, description)
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--profile <name>", `settings for a kind of machine: ${profileChoice.options.join(", ")} (GATEHOUSE_PROFILE)`)
    .option("--engines <count>", "engine processes, or auto (GATEHOUSE_ENGINES)")
    .option("--set <name>", "model set, or auto (GATEHOUSE_MODEL_SET); `gatehouse models` lists them")
}

/** A command that also opens the data folder. */
export function boxCommand(name: string, description: string): Command {
  return enginesCommand(name, description).option("--data <folder>", "data folder (GATEHOUSE_DATA)")
}

/** Runs a command's work and ends with its outcome; a failure is one line, and no stack. */
export async function end(context: CliContext, options: JsonOption, outcome: Outcome | Promise<Outcome>): Promise<void> {
  const ended = await outcome
  if (ended.kind !== "yes" && ended.kind !== "no") {
    context.terminal.err(`gatehouse: ${ended.why}`)
    if (options.json === true) printJson(context, { error: { message: ended.why } })
  }
  context.exit(exitCodes[ended.kind])
}

type ConfigOptions = BoxOptions & { readonly host?: string; readonly port?: string }

/** The configuration these options make. */
export function configOf(options: ConfigOptions): Result<Config> {
  return readConfig({
    configFile: options.config,
    profile: options.profile,
    dataFolder: options.data,
    host: options.host,
    port: options.port,
    engines: options.engines,
    modelSet: options.set,
  })
}

/** As `configOf`, or the failure that ends the command. */
export async function withConfig(options: ConfigOptions, work: (config: Config) => Promise<Outcome>): Promise<Outcome> {
  const config = configOf(options)
  return config.kind === "failed" ? config : work(config.value)
}

export function printJson(context: CliContext, value: unknown): void {
  context.terminal.out(JSON.stringify(value, undefined, 2))
}
