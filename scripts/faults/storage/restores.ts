import { cp, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { selfCommand } from "../../../app/base/self.ts"
import { openDataFolder } from "../../../app/store/data-folder.ts"
import { type Dump, dumpDatabase, faultsOf } from "./dump.ts"
import { killing, type Point, pointsIn } from "./points.ts"
import { readTrace, writeCalls } from "./strace.ts"

export type Command = "backup" | "restore"

export interface CommandKilled {
  readonly killed: boolean
  /** What is wrong with what it left; empty when nothing is. */
  readonly wrong: readonly string[]
}

/** A folder with a gallery, a backup of an older state of it, and what both say. */
export interface BackedUp {
  readonly dataFolder: string
  readonly file: string
  readonly present: Dump
  readonly older: Dump
}

const argumentsOf = (command: Command, dataFolder: string, file: string) =>
  command === "backup" ? ["backup", file, "--data", dataFolder] : ["restore", file, "--data", dataFolder, "--replace"]

/** The points at which a command writes below `folder`. */
export async function listCommandPoints(folder: string, given: BackedUp, command: Command): Promise<Point[]> {
  const log = join(folder, "points.log")
  const prefix = ["strace", "-D", "-f", "-yy", "-o", log, "-e", `trace=${writeCalls.join(",")}`]
  const { pid } = await runOn(folder, given, command, prefix)
  return pointsIn(await readTrace(log), folder, pid)
}

/** Kills `gatehouse backup` or `gatehouse restore` at one point, and looks at what a user finds then. */
export async function killCommandAt(folder: string, given: BackedUp, command: Command, point: Point): Promise<CommandKilled> {
  const log = join(folder, "killed.log")
  const { dataFolder, file } = await runOn(folder, given, command, ["strace", "-D", "-o", log, ...killing(point)])
  const killed = (await Bun.file(log).text()).includes("+++ killed by SIGKILL +++")
  return {
    killed,
    wrong: command === "backup" ? await afterBackup(dataFolder, file, given) : await afterRestore(dataFolder, file, given),
  }
}

async function runOn(folder: string, given: BackedUp, command: Command, prefix: readonly string[]) {
  const dataFolder = join(folder, "copy")
  const file = command === "backup" ? join(folder, "made.backup") : given.file
  for (const name of await readdir(folder))
    if (name === "copy" || name.startsWith("made.backup")) await rm(join(folder, name), { recursive: true })
  await cp(given.dataFolder, dataFolder, { recursive: true })
  const { pid } = await run([...prefix, ...selfCommand(), ...argumentsOf(command, dataFolder, file)])
  return { dataFolder, file, pid }
}

async function afterBackup(dataFolder: string, file: string, { present }: BackedUp): Promise<string[]> {
  const wrong = differences("the gallery", dumpDatabase(join(dataFolder, "gatehouse.db")), [present])
  // Either it is there and whole, or it is not there.
  if (await Bun.file(file).exists()) {
    if ((await run([...selfCommand(), "restore", file, "--check"])).code !== 0)
      wrong.push("there is a backup that is not whole")
  } else if ((await run([...selfCommand(), ...argumentsOf("backup", dataFolder, file)])).code !== 0)
    wrong.push("it cannot be made again")
  return wrong
}

async function afterRestore(dataFolder: string, file: string, { present, older }: BackedUp): Promise<string[]> {
  const path = join(dataFolder, "gatehouse.db")
  const opened = openDataFolder(dataFolder)
  // Opened as a box would: refused, or one of the two and nothing in between.
  if (opened.kind === "ok") {
    opened.store.close()
    return [...differences("the gallery", dumpDatabase(path), [present, older]), ...faultsOf(path)]
  }
  if (!opened.why.includes("run gatehouse restore again")) return [opened.why]
  if ((await run([...selfCommand(), ...argumentsOf("restore", dataFolder, file)])).code !== 0) return ["it cannot be run again"]
  return [...differences("the gallery", dumpDatabase(path), [older]), ...faultsOf(path)]
}

function differences(what: string, found: Dump, allowed: readonly Dump[]): string[] {
  return allowed.some((dump) => Bun.deepEquals(dump, found)) ? [] : [`${what} holds something else`]
}

async function run(command: readonly string[]): Promise<{ readonly code: number; readonly pid: number }> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
  return { code: await child.exited, pid: child.pid }
}
