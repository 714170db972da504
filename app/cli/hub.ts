import { join, resolve } from "node:path"
import { Command } from "commander"
import type { Result } from "../base/result.ts"
import type { Reached } from "../sync/nats/setup/access.ts"
import type { HubPlan } from "../sync/nats/setup/plan.ts"
import { end, type JsonOption, jsonCommand, printJson } from "./command.ts"
import type { Step } from "./hub/steps.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { formatTable } from "./terminal.ts"

interface FolderOptions extends JsonOption {
  readonly folder: string
}

interface InitOptions extends FolderOptions {
  readonly site: string
  readonly host: readonly string[]
  readonly nodes?: string
  readonly installedAt: string
  readonly storeAt: string
  readonly sightingsMib: string
}

interface WaitOptions extends JsonOption {
  readonly wait: string
}

/** Where boxes will meet: set up and kept by an administrator, on a machine of their own. */
export function hubCommand(context: CliContext): Command {
  return new Command("hub")
    .description("set up the hub that boxes of a site meet at: NATS servers, and who is let in")
    .addCommand(initCommand(context))
    .addCommand(prepareCommand(context))
    .addCommand(changeCommand(context, "add-box", "let a box in: makes its key and certificate, one file"))
    .addCommand(changeCommand(context, "remove-box", "let a box in no more"))
    .addCommand(boxesCommand(context))
    .addCommand(checkCommand(context))
}

function folderCommand(name: string, description: string): Command {
  return jsonCommand(name, description).option(
    "--folder <folder>",
    "what the hub is made and kept from; it holds its secrets",
    "gatehouse-hub",
  )
}

function initCommand(context: CliContext): Command {
  return folderCommand("init", "make the configuration, keys and certificates of one server or three, and say what is next")
    .requiredOption("--site <name>", "small letters, digits and dashes: a part of all names at the hub")
    .requiredOption(
      "--host <host[:port]>",
      "a server's name or address, as boxes reach it; once for each server",
      (host: string, hosts: readonly string[] = []) => [...hosts, host],
    )
    .option("--nodes <count>", "1 or 3; by itself as many as there are hosts")
    .option(
      "--installed-at <folder>",
      "where a server's files will lie on its machine; {node} is its name",
      "/etc/gatehouse-hub",
    )
    .option("--store-at <folder>", "where a server keeps its streams; {node} is its name", "/var/lib/gatehouse-hub")
    .option("--sightings-mib <count>", "for sightings, at each server; the oldest leave when there are more", "1024")
    .action(async (options: InitOptions) => end(context, options, guarded(init(context, options))))
}

async function init(context: CliContext, options: InitOptions): Promise<Outcome> {
  const { nodesOf } = await import("../sync/nats/setup/plan.ts")
  const { initHub } = await import("../sync/nats/setup/hub-folder.ts")
  const { stepsAfterInit } = await import("./hub/steps.ts")
  if (options.nodes !== undefined && options.nodes !== String(options.host.length))
    return {
      kind: "failed",
      why: `--nodes ${options.nodes} with ${options.host.length} hosts: say --host once for each server`,
    }
  const sightingsMib = countOf(options.sightingsMib)
  if (sightingsMib === undefined)
    return { kind: "failed", why: `--sightings-mib ${options.sightingsMib}: a number of MiB, from 1` }
  const relative = [options.installedAt, options.storeAt].find((place) => !place.startsWith("/"))
  if (relative !== undefined)
    return { kind: "failed", why: `${relative}: say places on a server's machine from its root, as /etc/gatehouse-hub` }
  const nodes = nodesOf(options.host)
  if (nodes.kind === "failed") return nodes
  const made = await initHub(resolve(options.folder), {
    site: options.site,
    nodes: [...nodes.value],
    installedAt: options.installedAt.replace(/\/$/, ""),
    storeAt: options.storeAt.replace(/\/$/, ""),
    sightingsBytesMax: sightingsMib * 1024 * 1024,
  })
  if (made.kind === "failed") return made
  const said = `${resolve(options.folder)} holds the hub of ${options.site}. Keep it safe, and a copy of it elsewhere: authority/ lets in whom it likes.`
  tell(context, options, said, stepsAfterInit(options.folder, made.value), { plan: made.value })
  return { kind: "yes" }
}

function changeCommand(context: CliContext, name: "add-box" | "remove-box", description: string): Command {
  return folderCommand(name, description)
    .argument("<name>", "of the box: small letters, digits and dashes")
    .action(async (box: string, options: FolderOptions) => {
      const change = name === "add-box" ? add : removeOne
      await end(context, options, guarded(change(context, box, options)))
    })
}

async function add(context: CliContext, name: string, options: FolderOptions): Promise<Outcome> {
  const { addBox, hubFolder } = await import("../sync/nats/setup/hub-folder.ts")
  const { afterwards, stepsAfterAdding } = await import("./hub/steps.ts")
  const added = await addBox(resolve(options.folder), name, new Date())
  if (added.kind === "failed") return added
  const { plan, box } = added.value
  const file = resolve(options.folder, hubFolder.box(name))
  const said = `${name} is ${box} at the hub. ${file} is its access: for that box, and for nobody else.\n${afterwards(name, box)}`
  tell(context, options, said, stepsAfterAdding(options.folder, plan, name), { name, box, file })
  return { kind: "yes" }
}

async function removeOne(context: CliContext, name: string, options: FolderOptions): Promise<Outcome> {
  const { removeBox } = await import("../sync/nats/setup/hub-folder.ts")
  const { reloadSteps } = await import("./hub/steps.ts")
  const removed = await removeBox(resolve(options.folder), name)
  if (removed.kind === "failed") return removed
  const { plan, box } = removed.value
  const said = `${name} (${box}) is taken out. Until every server has read it, the box is still let in.`
  tell(context, options, said, reloadSteps(options.folder, plan), { name, box })
  return { kind: "yes" }
}

function boxesCommand(context: CliContext): Command {
  return folderCommand("boxes", "list the boxes that are let in").action(async (options: FolderOptions) => {
    const work = async (): Promise<Outcome> => {
      const { readPlan } = await import("../sync/nats/setup/hub-folder.ts")
      const read = await readPlan(resolve(options.folder))
      if (read.kind === "failed") return read
      if (options.json === true) printJson(context, read.value.boxes)
      else context.terminal.out(boxesText(read.value))
      return { kind: "yes" }
    }
    await end(context, options, guarded(work()))
  })
}

function boxesText({ site, boxes }: HubPlan): string {
  if (boxes.length === 0) return `the hub of ${site} lets in no box yet: gatehouse hub add-box <name>`
  return formatTable(
    ["box", "at the hub", "public key", "added"],
    boxes.map(({ name, box, nkey, addedAt }) => [name, box, nkey, addedAt]),
  )
}

/** For servers that look for each other, right after they were started. */
const waitOption = ["--wait <seconds>", "so long it is tried again", "20"] as const

function prepareCommand(context: CliContext): Command {
  return folderCommand("prepare", "go to the hub as its keeper and make the site's streams, where they are missing")
    .option(...waitOption)
    .action(async (options: FolderOptions & WaitOptions) => {
      await end(context, options, guarded(prepare(context, options)))
    })
}

async function prepare(context: CliContext, options: FolderOptions & WaitOptions): Promise<Outcome> {
  const { hubFolder, renewAccounts } = await import("../sync/nats/setup/hub-folder.ts")
  const { reloadSteps } = await import("./hub/steps.ts")
  const folder = resolve(options.folder)
  const reached = await reach(context, join(folder, hubFolder.keeper), options)
  if (reached.kind !== "yes" && reached.kind !== "no") return reached
  const renewed = await renewAccounts(folder)
  if (renewed.kind === "failed") return renewed
  const { plan, changed } = renewed.value
  if (!changed) return reached
  const steps = reloadSteps(options.folder, plan)
  // Beside the result, which may be JSON.
  context.terminal.err(`What boxes may do was written by an earlier version, and is written anew.\n\n${writeStepsOf(steps)}`)
  return reached
}

function checkCommand(context: CliContext): Command {
  return jsonCommand("check", "go to the hub as a box would, and say whether it lets the box in")
    .argument("<file>", "that add-box has made")
    .option(...waitOption)
    .action(async (file: string, options: WaitOptions) =>
      end(context, options, guarded(reach(context, resolve(file), options))),
    )
}

async function reach(context: CliContext, path: string, options: WaitOptions): Promise<Outcome> {
  const { reachHub, readAccess, serverVersionMin } = await import("../sync/nats/setup/access.ts")
  const file = Bun.file(path)
  if (!(await file.exists())) return { kind: "failed", why: `${path} is not there: \`gatehouse hub\` init and add-box make it` }
  const seconds = countOf(options.wait)
  if (seconds === undefined) return { kind: "failed", why: `--wait ${options.wait}: a number of seconds, from 1` }
  const access = readAccess(await file.text())
  if (access.kind === "failed") return { kind: "failed", why: `${path}: ${access.why}` }
  const reached: Result<Reached> = await reachHub(access.value, seconds * 1000)
  if (reached.kind === "failed") return reached
  const { address, version, isOld } = reached.value
  if (options.json === true) printJson(context, reached.value)
  else
    context.terminal.out(
      `${address} lets ${access.value.name} in; the streams of ${access.value.site} are there, and safe (nats-server ${version})`,
    )
  if (!isOld) return { kind: "yes" }
  context.terminal.err(
    `nats-server ${version} can lose what it acknowledged: a hub needs ${serverVersionMin} or later (docs/hub.md)`,
  )
  return { kind: "no" }
}

function tell(context: CliContext, options: JsonOption, said: string, steps: readonly Step[], json: object): void {
  if (options.json === true) {
    printJson(context, { ...json, steps })
    return
  }
  context.terminal.out(`${said}\n`)
  context.terminal.out(writeStepsOf(steps))
}

/** `1. What` and its commands, indented. */
function writeStepsOf(steps: readonly Step[]): string {
  return steps
    .map(({ what, commands }, i) => [`${i + 1}. ${what}:`, ...commands.map((command) => `     ${command}`)].join("\n"))
    .join("\n")
}

/** A whole number from 1. */
function countOf(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}

/** What a disk says no to is an answer; anything else a bug. */
async function guarded(work: Promise<Outcome>): Promise<Outcome> {
  try {
    return await work
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : ""
    if (!(error instanceof Error) || !/^E(ACCES|PERM|ROFS|NOSPC|DQUOT|IO|NOTDIR|ISDIR)$/.test(code)) throw error
    return { kind: "failed", why: `${error.message}: make room, or name a --folder that you may write` }
  }
}
