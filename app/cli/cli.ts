import { Command, CommanderError } from "commander"
import { prepareResources } from "../base/resources/folder.ts"
import { UnloadableLibrary } from "../base/resources/native.ts"
import { version } from "../base/version.ts"
import { engineCommand } from "./engine.ts"

import { giveToOwner, takeServiceSettings } from "./install/as-service.ts"

import type { CliContext, CliNeeds, CreateCommand } from "./needs.ts"
import { exitCodes, exitCodesHelp } from "./outcome.ts"
import { processTerminal, type Terminal } from "./terminal.ts"

/**
 * The whole command line. One file for each command; what a command does to the box comes from `needs`.
 * @param alone the only command there is
 */
async function createCli(context: CliContext, alone: CreateCommand | undefined): Promise<Command> {
  const program = new Command("gatehouse")
    .description("Face recognition on the spot: a camera's picture in, a name out.")
    .version(version, "-V, --version")
    .option("--cache-dir <folder>", "where the compiled program unpacks its libraries and models (GATEHOUSE_CACHE)")
    .addHelpText("after", exitCodesHelp)
    .showSuggestionAfterError()
  if (alone !== undefined) program.addCommand(alone(context))
  else {
    const { commands, hiddenCommands } = await import("./commands.ts")
    for (const create of commands) program.addCommand(create(context))
    for (const create of [engineCommand, ...hiddenCommands]) program.addCommand(create(context), { hidden: true })
  }
  let serviceFolder: string | undefined
  program.hook("preAction", async (_, command) => {
    serviceFolder = takeServiceSettings(topNameOf(command), context.argv)
    // The version is told wherever the file lies, and who leaves unpacks nothing; everything else needs what it brings along.
    if (command.name() === "version" || command.name() === "uninstall") return
    const prepared = await prepareResources(program.opts<{ cacheDir?: string }>().cacheDir)
    if (prepared.kind === "failed") throw new CommanderError(exitCodes.failed, unprepared, prepared.why)
  })
  program.hook("postAction", () => {
    if (serviceFolder !== undefined) giveToOwner(serviceFolder)
  })
  return program
}

/** `admin` of `gatehouse admin reset-key`. */
function topNameOf(command: Command): string {
  const { parent } = command
  return parent === null || parent.parent === null ? command.name() : topNameOf(parent)
}

/**
 * A box and its engines are waited for, and wait for no command but their own: to load the others takes 30 ms. The word may stand
 * elsewhere, too: a folder of people can be called so.
 */
async function commandAlone(argv: readonly string[]): Promise<CreateCommand | undefined> {
  const word = argv[0] === "--cache-dir" ? argv[2] : argv[0]
  if (word === "engine") return engineCommand
  return word === "serve" ? (await import("./serve.ts")).serveCommand : undefined
}

const unprepared = "gatehouse.unprepared"

/** Runs one command line (without the program's own name) and returns its exit code. */
export async function runCli(argv: readonly string[], needs: CliNeeds, terminal: Terminal = processTerminal): Promise<number> {
  let code: number = exitCodes.yes
  const exit = (ended: number) => {
    code = ended
  }
  const program = await createCli({ needs, terminal, argv, exit }, await commandAlone(argv))
  for (const command of [program, ...allCommands(program)])
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
  try {
    await program.parseAsync([...argv], { from: "user" })
  } catch (error) {
    if (error instanceof UnloadableLibrary || (error instanceof CommanderError && error.code === unprepared)) {
      terminal.err(`gatehouse: ${error.message}`)
      return exitCodes.failed
    }
    if (!(error instanceof CommanderError)) throw error
    // Help and version that were asked for are answers; a bare `gatehouse` or anything misspelt is not.
    return error.exitCode === 0 ? exitCodes.yes : exitCodes.usage
  }
  return code
}

function allCommands(program: Command): readonly Command[] {
  return program.commands.flatMap((command) => [command, ...allCommands(command)])
}
