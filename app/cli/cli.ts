import { Command, CommanderError } from "commander"
import { prepareResources } from "../base/resources/folder.ts"
import { version } from "../base/version.ts"
import { engineCommand } from "./engine.ts"

<<<<<<< HEAD

import { enrolCommand } from "./enrol.ts"
import { evalCommand } from "./eval.ts"
import { galleryCommand } from "./gallery.ts"
import { identifyCommand } from "./identify.ts"
import { giveToOwner, takeServiceSettings } from "./install/as-service.ts"
import { installCommand } from "./install.ts"
import { modelsCommand } from "./models.ts"

=======
>>>>>>> 9b5392f (main.ts says what a command needs, app/wiring puts it together; an engine loads no command but its own, and metrics no cluster)

import type { CliContext, CliNeeds } from "./needs.ts"
import { exitCodes, exitCodesHelp } from "./outcome.ts"
import { processTerminal, type Terminal } from "./terminal.ts"

/**
 * The whole command line. One file for each command; what a command does to the box comes from `needs`.
 * @param isEngine an engine starts often, and waits for no command but its own
 */
async function createCli(context: CliContext, isEngine: boolean): Promise<Command> {
  const program = new Command("gatehouse")
    .description("Face recognition on the spot: a camera's picture in, a name out.")
    .version(version, "-V, --version")
    .option("--cache-dir <folder>", "where the compiled program unpacks its libraries and models (GATEHOUSE_CACHE)")
    .addHelpText("after", exitCodesHelp)
    .showSuggestionAfterError()
<<<<<<< HEAD
  for (const create of [
    serveCommand,
    enrolCommand,
    identifyCommand,
    verifyCommand,
    evalCommand,
    doctorCommand,
    supportCommand,
    galleryCommand,
    peopleCommand,
    modelsCommand,
    warmCommand,
    versionCommand,
    backupCommand,
    restoreCommand,
    vaultCommand,
    adminCommand,
    wipeCommand,
    installCommand,
    uninstallCommand,
  ])
    program.addCommand(create(context))
  program.addCommand(engineCommand(context), { hidden: true })
  program.addCommand(probeCommand(context), { hidden: true })
  program.addCommand(compareRuntimesCommand(context), { hidden: true })
  let serviceFolder: string | undefined
=======
  if (isEngine) program.addCommand(engineCommand(context))
  else {
    const { commands, hiddenCommands } = await import("./commands.ts")
    for (const create of commands) program.addCommand(create(context))
    for (const create of [engineCommand, ...hiddenCommands]) program.addCommand(create(context), { hidden: true })
  }
>>>>>>> 9b5392f (main.ts says what a command needs, app/wiring puts it together; an engine loads no command but its own, and metrics no cluster)
  program.hook("preAction", async (_, command) => {
    serviceFolder = takeServiceSettings(topNameOf(command), context.argv)
    // The version is told wherever the file lies, and who leaves unpacks nothing; everything else needs what it brings along.
    if (command.name() === "version" || command.name() === "uninstall") return
    const prepared = await prepareResources(program.opts<{ cacheDir?: string }>().cacheDir)
    if (prepared.kind === "failed") throw new CommanderError(exitCodes.failed, unprepared, prepared.why)
  })
  program.hook("postAction", () => 
    if (serviceFolder !== undefined) giveToOwner(serviceFolder))
  return program
}

/** `admin` of `gatehouse admin reset-key`. */
function topNameOf(command: Command): string {
  const { parent } = command
  return parent === null || parent.parent === null ? command.name() : topNameOf(parent)
}

const unprepared = "gatehouse.unprepared"

/** Runs one command line (without the program's own name) and returns its exit code. */
export async function runCli(argv: readonly string[], needs: CliNeeds, terminal: Terminal = processTerminal): Promise<number> {
  let code: number = exitCodes.yes
<<<<<<< HEAD
  const program = createCli({
    needs,
    terminal,
    argv,
    exit: (ended) => {
      code = ended
    },
  })
=======
  const exit = (ended: number) => {
    code = ended
  }
  const program = await createCli({ needs, terminal, exit }, argv.includes("engine"))
>>>>>>> 9b5392f (main.ts says what a command needs, app/wiring puts it together; an engine loads no command but its own, and metrics no cluster)
  for (const command of [program, ...allCommands(program)])
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
  try {
    await program.parseAsync([...argv], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === unprepared) {
      terminal.err(`gatehouse: ${error.message}`)
      return exitCodes.failed
    }
    // Help and version that were asked for are answers; a bare `gatehouse` or anything misspelt is not.
    return error.exitCode === 0 ? exitCodes.yes : exitCodes.usage
  }
  return code
}

function allCommands(program: Command): readonly Command[] {
  return program.commands.flatMap((command) => [command, ...allCommands(command)])
}
