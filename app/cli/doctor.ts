import { existsSync, readdirSync } from "node:fs"
import type { Command } from "commander"
import { readMachine } from "../base/machine/machine.ts"
import type { Result } from "../base/result.ts"
import type { Config } from "../config/config.ts"
import type { Space } from "../face/embedding.ts"
import type { ModelListing } from "../inference/models.ts"
import type { PoolStatus } from "../inference/pool.ts"
import { findMasterKeys } from "../vault/master.ts"
import { masterPlaces } from "../vault/open.ts"
import { type BoxOptions, boxCommand, configOf, end, printJson } from "./command.ts"
import { checkEngines, checkGallery, checkModels, checkNewSealing, checkRecoveryKey, checkSealing } from "./doctor/box.ts"
import { checkDataFolder } from "./doctor/data-folder.ts"
import { type Finding, fail, formatFindings, ok } from "./doctor/finding.ts"
import { checkClock, checkMachine, checkProfile, readMachineFacts } from "./doctor/machine.ts"
import { checkSite } from "./doctor/site.ts"
import type { CliContext, CliNeeds } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface DoctorOptions extends BoxOptions {
  readonly full?: boolean
}

export function doctorCommand(context: CliContext): Command {
  return boxCommand("doctor", "say what is active on this machine, what is wrong, and the remedy")
    .option("--full", "also what helps us to support a board: its system, its libraries, and how fast it is")
    .action(async (options: DoctorOptions) => end(context, options, run(context, options)))
}

async function run(context: CliContext, options: DoctorOptions): Promise<Outcome> {
  const findings = await examineBox(context.needs, options)
  const board = options.full === true ? await describeBoard(context.needs, options) : undefined
  const healthy = findings.every((finding) => finding.level !== "fail")
  if (options.json === true) printJson(context, { healthy, findings, ...(board && { board: board.report }) })
  else context.terminal.out([formatFindings(findings), ...(board ? [board.text] : [])].join("\n\n"))
  return { kind: healthy ? "yes" : "no" }
}

/** Of a box whose configuration cannot be read there is nothing more to say. */
async function describeBoard(needs: CliNeeds, options: BoxOptions) {
  const config = configOf(options)
  if (config.kind === "failed") return undefined
  const { examineBoard, formatBoard } = await import("./doctor/board.ts")
  const report = await examineBoard(config.value, needs)
  return { report, text: formatBoard(report) }
}

/** Everything the doctor finds, of this machine and of the box that the options name. */
export async function examineBox(needs: CliNeeds, options: BoxOptions): Promise<readonly Finding[]> {
  const machine = [...checkMachine(readMachineFacts()), checkClock(await readMachine())]
  const config = configOf(options)
  // A configuration that cannot be read is one more thing found, not the end of the report.
  if (config.kind === "failed") return [...machine, fail("configuration", "cannot be used", config.why)]
  return [...machine, checkProfile(config.value.profile), ...(await examine(config.value, needs))]
}

async function examine(config: Config, needs: CliNeeds): Promise<readonly Finding[]> {
  const listing = await needs.listModels(config)
  const engines = await startEngines(config, needs)
  return [
    ...(await checkDataFolder(config.dataFolder)),
    ...checkModels(listing),
    ...checkEngines(engines.status),
    ...(await examineGallery(config, needs, listing, engines.space)),
  ]
}

async function startEngines(
  config: Config,
  needs: CliNeeds,
): Promise<{ readonly status: Result<PoolStatus>; readonly space?: Space }> {
  const opened = await needs.openEngines(config)
  if (opened.kind !== "ok") return { status: { kind: "failed", why: opened.why } }
  const { pool, set, close } = opened.value
  try {
    await Promise.race([pool.accelerated(), Bun.sleep(acceleratorMsMax)])
    return { status: { kind: "ok", value: await whenStarted(pool.status) }, space: set.embedding.space }
  } finally {
    await close()
  }
}

/** An accelerator that takes longer is compiling networks; `gatehouse warm` waits for that. */
const acceleratorMsMax = 60_000

/** Engines are open when the first is ready; the report waits for the others, but not for ever. */
async function whenStarted(status: () => PoolStatus): Promise<PoolStatus> {
  for (let tries = 0; tries < 100; tries++) {
    if (status().engines.every((engine) => engine.state !== "starting")) break
    await Bun.sleep(100)
  }
  return status()
}

async function examineGallery(
  config: Config,
  needs: CliNeeds,
  listing: ModelListing,
  inUse: Space | undefined,
): Promise<readonly Finding[]> {
  // Opening makes the files; the doctor only looks.
  const untouched = !existsSync(config.dataFolder) || readdirSync(config.dataFolder).length === 0
  if (untouched)
    return [
      ok("gallery", "none yet: nobody has been enrolled"),
      checkNewSealing(findMasterKeys(masterPlaces(config.dataFolder, config.vault))),
    ]
  const opened = await needs.openGallery(config, false)
  const spaces = new Set(listing.sets.map((set) => set.space))
  try {
    const findings = checkGallery(opened, inUse, spaces)
    if (opened.kind !== "ok") return findings
    const { exposure, lacksRecoveryKey } = opened.value
    const site = await opened.value.site()
    return [...findings, checkSealing(exposure), ...checkRecoveryKey(lacksRecoveryKey), ...(site ? [checkSite(site)] : [])]
  } finally {
    if (opened.kind === "ok") await opened.value.close()
  }
}
