import { join } from "node:path"
import { openCreates } from "./access/creates.ts"
import { openKeys } from "./access/keys.ts"
import { forgetInBackups, forgetInBackupsElsewhere } from "./backup/forget.ts"
import { makeBackupElsewhere } from "./backup/process.ts"
import { asideFolders } from "./backup/restore.ts"
import { keepBackups } from "./backup/schedule.ts"
import { openShelf } from "./backup/shelf.ts"
import { assert } from "./base/assert.ts"
import type { Holding } from "./base/holding.ts"
import { createLifetimes, type Lifetimes } from "./base/lifetimes.ts"
import { createLog, type Log } from "./base/log.ts"
import { readMachine } from "./base/machine/machine.ts"
import { createMetrics, type Metrics } from "./base/metrics.ts"
import { watchEventLoop } from "./base/metrics-process.ts"
import type { Result } from "./base/result.ts"
import { selfCommand } from "./base/self.ts"
import { openService } from "./base/service/service.ts"
import { createTracer, type Tracer } from "./base/trace.ts"
import { version } from "./base/version.ts"
import { openFirstBoot } from "./box/first-boot.ts"
import { openFlippedSets } from "./box/flipped-sets.ts"
import { type HoldingsNeeds, holdingsOf } from "./box/holdings.ts"
import { type OpenedFolder, openBoxFolder } from "./box/open.ts"
import { makeRecoveryKey, needsRecoveryKey } from "./box/recovery.ts"
import { listeningText } from "./cli/listening.ts"
import type { CliNeeds } from "./cli/needs.ts"
import type { Config } from "./config/config.ts"
import { openChecksums } from "./enrolment/checksums.ts"
import { openEnrolments } from "./enrolment/enrolments.ts"
import { spooledFiles } from "./enrolment/spool.ts"
import { createLive } from "./events/live.ts"
import { createWorkshop } from "./events/pictures/workshop.ts"
import { keepRetention } from "./events/retention.ts"
import { openSightings } from "./events/sightings.ts"
import { indexFolderOf, openGallery } from "./gallery/open.ts"
import { ownerOfSubject } from "./gallery/secrets.ts"
import type { Doors } from "./http/doors.ts"
import type { RefinedAnswer } from "./http/sighting-answers.ts"
import { type CachedAnalyze, cacheAnswers } from "./inference/cache.ts"
import { acceleratorChooser, requiredIsMissing, whyRequiredIsMissing } from "./inference/chooser.ts"
import type { ModelSet } from "./inference/manifest.ts"
import { listModels, locateModelSet } from "./inference/models.ts"
import { openPlacement, type Placement } from "./inference/placement/placement.ts"
import { type EnginePool, openPool } from "./inference/pool.ts"
import { engineEnvironment } from "./inference/process.ts"
import { forgetCompiled, holdCrashes } from "./inference/providers/compiled-folder.ts"
import { createEraser } from "./people/eraser.ts"
import { readLedgerFile } from "./people/ledger.ts"
import { openPeople, type People } from "./people/people.ts"
import { keepPeopleRetention } from "./people/retention.ts"
import { createJudge, pairThresholds, presentThresholds } from "./pipeline/judge.ts"
import { servedModels } from "./pipeline/models.ts"
import { createReembedding, type EmbedSide } from "./pipeline/reembedding.ts"
import { createRefinements } from "./pipeline/refine.ts"
import { dataFolderFiles, openDataFolder } from "./store/data-folder.ts"
import { openVaultRows } from "./store/vault-rows.ts"
import { openSuite } from "./vault/suites.ts"
import { plainVault, type Vault } from "./vault/vault.ts"

/** Starting and stopping: config → open → wire → serve → close in reverse. The one place where things meet. */

const needs: CliNeeds = {
  serve: (config) => opening(createLog(), (opened, log) => serve(config, opened, log)),
  openEngines,
  openGallery: openGalleryAlone,
  openPeople: openPeopleAlone,
  forgetInBackups: (dataFolder, folder) => {
    const erased = readLedgerFile(join(dataFolder, dataFolderFiles.erased))
    return forgetInBackups(openShelf(dataFolder, { folder, keep: 1, bytesMax: 0 }), (copy) =>
      forgetIn(copy, [...erased.keys()]),
    )
  },
  forgetCompiled: ({ inference }) => forgetCompiled(inference),
  locateSet: (config) => locate(config, quietLog()),
  listModels: (config) => listModels(modelOptions(config)),
  resetAdminKey: async ({ dataFolder }) => {
    const opened = openDataFolder(dataFolder)
    if (opened.kind === "failed") return opened
    const key = openKeys(opened.store).resetAdminKey()
    opened.store.close()
    return { kind: "ok", value: key }
  },
  runEngine: async (socketPath) => {
    // Only an engine loads the native libraries that models and pictures need.
    const { runEngine } = await import("./inference/engine/main.ts")
    await runEngine(socketPath)
  },
  probe: async (question) => {
    const { probe } = await import("./inference/providers/probe.ts")
    return probe(selfCommand(), question, engineEnvironment(), new AbortController().signal)
  },
  answerProbe: async (question) => {
    const { answerProbe } = await import("./inference/providers/probe-process.ts")
    return answerProbe(question)
  },
  compareRuntimes: async (...asked) => {
    const { compareRuntimes } = await import("./inference/engine/compare-runtimes.ts")
    return compareRuntimes(...asked)
  },
}

/** The box: answers over HTTP until the process is told to stop. */
async function serve(config: Config, opened: Lifetimes, log: Log): ReturnType<CliNeeds["serve"]> {
  // Most of it is done beside this thread, which opens everything else meanwhile.
  const locating = locate(config, log)
  const metrics = createMetrics()
  const service = opened.adopt(await openService({ env: process.env, pid: process.pid, log }), (open) => open.close())
  log.info(config.profile, "profile")
  const folder = openBoxFolder(config, { log, watchCommit: (seconds) => metrics.commitSeconds.observe(seconds) })
  if (folder.kind !== "ok") return folder
  const { store, vault } = opened.adopt(folder.value, ({ store }) => store.close())
  sayExposure(vault, log)
  const keys = openKeys(store)
  const claim = openFirstBoot(folder.value, keys, config, log)
  // Whoever claims the box is given both.
  const recoveryKey = claim.isAwaited() ? undefined : showRecoveryKey(folder.value, log)
  const admin = claim.isAwaited() ? undefined : keys.ensureAdminKey(config.adminKey)
  opened.defer(watchEventLoop((lagSeconds) => metrics.eventLoopLagSeconds.observe(lagSeconds)))
  const tracer = await openTracer(config, opened, log, metrics)

  const gallery = opened.adopt(
    await openGallery(store, vault, { log, indexFolder: indexFolderOf(config.dataFolder) }),
    (open) => open.close(),
  )
  const { createHttpApp } = await import("./http/app.ts")
  const { openDoors } = await import("./http/doors.ts")
  const { tlsIdentity } = await import("./http/tls.ts")
  const identity = tlsIdentity(config.http.tls, claim, vault)
  if (identity.kind === "failed") return identity

  const configured = await locating
  if (configured.kind === "failed") return configured
  const flippedSets = openFlippedSets(store)
  const flippedTo = flippedSets.inPlaceOf(configured.value.name)
  // To find a set reads every manifest there is: not twice at a start without need.
  const located = flippedTo === configured.value.name ? configured : await locate(withSet(config, flippedTo), log)
  // Its weights may be gone: whoever was enrolled before the flip is known in the other space as well.
  if (located.kind === "failed") log.error({ why: located.why, set: flippedTo }, "the set that was flipped to cannot serve")
  const placed = await openPlacement(config.inference, log)
  if (placed.kind === "failed") return { kind: "misconfigured", why: placed.why }
  const placement = placed.value
  /** Those that serve, and those of a set that is to come or was before. */
  const sides = new Map<string, EmbedEngines>()
  function openSide(set: ModelSet): EmbedEngines {
    const pool = openEnginePool(config, set, log, metrics, placement)
    const analyze = cacheAnswers(pool.analyze, set.embedding.space, config.inference.cache, metrics)
    const { match } = pairThresholds(set.embedding.calibration.curve, config.recognition.decisions)
    const waiting = () => pool.status().waiting
    const side = { engines: pool, cached: analyze, models: set, set: set.name, space: set.embedding.space, match, waiting }
    const opened = { ...side, analyze: pool.analyze }
    sides.set(set.name, opened)
    return opened
  }
  opened.defer(async () => void (await Promise.all([...sides.values()].map(({ engines }) => engines.close()))))
  const first = openSide(located.kind === "ok" ? located.value : configured.value)

  const sightings = openSightings(store, vault, gallery.nameOf, config.sightings)
  const live = createLive<RefinedAnswer>({ sightings, metrics }, config.sightings)
  const kept = { store, sightings, metrics, log }
  opened.adopt(keepRetention(kept, config.sightings), (retention) => retention.close())

  const shelf = openShelf(config.dataFolder, config.backup)
  const make = (file: string, number: number, signal: AbortSignal) =>
    makeBackupElsewhere(selfCommand(), { dataFolder: config.dataFolder, keyFile: config.vault.keyFile }, file, number, signal)
  const backups = opened.adopt(keepBackups({ shelf, make, metrics, log }, config.backup), (open) => open.close())

  const eraseCopies = async () => {
    for (const { cached } of sides.values()) cached.forgetAll()
  }
  const answers: Holding = { name: "answers", tables: [], files: () => [], eraseCopies }
  const people = opened.adopt(await openRights({ store, vault, gallery, sightings }, config, log, [answers]), (open) =>
    open.close(),
  )
  opened.adopt(keepPeopleRetention({ store, people, log }, config.people), (retention) => retention.close())

  const refinements = opened.adopt(createRefinements(config.recognition.refine, log), (open) => open.close())

  const creates = openCreates(store, vault)
  let doors: Doors | undefined
  const workshop = createWorkshop()

  /** Everything that answers by one model set; what is asked of it in the meantime is answered by it to the end. */
  async function serveSide({ models, engines, cached }: EmbedEngines) {
    const { space, calibration } = models.embedding
    const { curve } = calibration
    const options = config.recognition.decisions
    const judge = createJudge({ curve, options, facesSearched: (group) => gallery.facesSearched(space, group) })
    const enrolments = await openEnrolments(
      {
        ...{ store, vault, gallery, pool: engines, space, thresholds: presentThresholds(judge), metrics, log },
        recognition: config.recognition,
        imageBytesMax: config.http.imageBytesMax,
        dataFolder: config.dataFolder,
      },
      config.enrolments,
    )
    const app = createHttpApp({
      pool: { ...engines, analyze: cached },
      ...{ gallery, sightings, live, workshop, refinements, backups, keys, creates, vault, enrolments, people, reembedding },
      ...{ claim, securePort: () => doors?.securePort },
      sightingOptions: config.sightings,
      models: servedModels(models),
      thresholds: pairThresholds(curve, options),
      judge,
      recognition: config.recognition,
      http: config.http,
      ...{ metrics, tracer, log, machine: readMachine, profile: config.profile },
    })
    return { side: sides.get(models.name) ?? first, enrolments, app }
  }

  const sideOf = ({ set }: EmbedSide): EmbedEngines => {
    const side = sides.get(set)
    assert(side !== undefined, "engines that are named are open")
    return side
  }
  const reembedding = createReembedding({
    gallery,
    active: () => serving.side,
    async open(name) {
      const found = await locate(withSet(config, name), log)
      if (found.kind === "failed") return found
      const side = openSide(found.value)
      await side.engines.settled()
      const { state, reasons } = side.engines.status()
      if (state === "ready" || state === "degraded") return { kind: "ok", value: side }
      sides.delete(name)
      await side.engines.close()
      return { kind: "failed", why: reasons.join("; ") }
    },
    async release(side) {
      const { engines } = sideOf(side)
      sides.delete(side.set)
      await engines.close()
    },
    async serve(side) {
      const before = serving
      // Two jobs at once would each take the other's archive; recognition goes on meanwhile.
      await before.enrolments.close()
      serving = await serveSide(sideOf(side))
      flippedSets.remember(configured.value.name, side.set)
      log.info({ from: before.side.set, to: side.set }, "another model set answers")
    },
    log,
  })
  opened.defer(() => reembedding.close())
  let serving = await serveSide(first)
  opened.defer(() => serving.enrolments.close())

  const answering = { fetch: (...asked: Parameters<typeof serving.app.fetch>) => serving.app.fetch(...asked) }
  const listening = openDoors(answering, config.http, identity.value)
  if (listening.kind === "failed") return listening
  doors = opened.adopt(listening.value, (open) => open.stop())
  // Before the server stops: it would wait for listeners, who never end by themselves.
  opened.defer(() => live.close())
  opened.defer(() => serving.enrolments.close())

  // Standard output is for the person at the console; the log goes to standard error.
  const { url, secureUrl } = doors
  const { fingerprint } = identity.value ?? {}
  const adminKey = admin?.kind === "created" ? admin.key : undefined
  const about = `model set ${first.set}, data in ${config.dataFolder}`
  console.log(listeningText({ url, secureUrl, about, fingerprint, asked: claim.asked, adminKey, recoveryKey }))
  log.info({ version, url, secureUrl, fingerprint, set: first.set, galleryCounts: gallery.counts() }, "listening")

  const silentForMs = () => Math.max(...[...sides.values()].map(({ engines }) => engines.silentForMs()))
  // Engines that cannot serve settle, too: the box tells of that over HTTP, and starting it again would not help.
  void first.engines.settled().then(() => service.ready(silentForMs))
  const missing = requiredIsMissing(config.inference, first.engines).then((why) => ({ kind: "misconfigured", why }) as const)
  const ending = await Promise.race([toldToStop(), missing])
  service.stopping()
  log.info({ ending }, "stopping")
  return typeof ending === "string" ? { kind: "ok", value: undefined } : ending
}

/**
 * Of a sealed folder for which there is none yet, to somebody who sits before it. What is not a terminal is a log, and a log lies on
 * the disk that may be stolen.
 */
function showRecoveryKey(folder: OpenedFolder, log: Log): string | undefined {
  if (!needsRecoveryKey(folder)) return undefined
  if (!process.stdout.isTTY) {
    log.warn("nobody has a recovery key: without one, backups are lost with the master key; gatehouse vault recovery shows one")
    return undefined
  }
  const made = makeRecoveryKey(folder)
  if (made.kind === "ok") return made.value
  log.warn({ why: made.why }, "no recovery key could be made")
  return undefined
}

/** The exporter and what it needs are loaded only when a collector is named. */
async function openTracer({ telemetry }: Config, opened: Lifetimes, log: Log, metrics: Metrics): Promise<Tracer> {
  if (telemetry.otlpEndpoint === null) return createTracer()
  const { openSpanExport } = await import("./base/otlp.ts")
  const spans = opened.adopt(openSpanExport(telemetry.otlpEndpoint, log, metrics), (open) => open.close())
  return createTracer(spans.take, telemetry.sampleShare)
}

async function openEngines(config: Config): ReturnType<CliNeeds["openEngines"]> {
  const log = quietLog()
  const located = await locate(config, log)
  if (located.kind === "failed") return located
  const placed = await openPlacement(config.inference, log)
  if (placed.kind === "failed") return placed
  const set = located.value
  const pool = openEnginePool(config, set, log, createMetrics(), placed.value)
  const close = async () => {
    await holdCrashes(config.inference)
    await pool.close()
  }
  await pool.settled()
  const { state, reasons } = pool.status()
  if (state !== "ready" && state !== "degraded") {
    await close()
    return { kind: "failed", why: reasons.join("; ") }
  }
  const missing = await whyRequiredIsMissing(config.inference, pool)
  if (missing === undefined) return { kind: "ok", value: { set, pool, close } }
  await close()
  return { kind: "misconfigured", why: missing }
}

async function openGalleryAlone(config: Config, seals = true): ReturnType<CliNeeds["openGallery"]> {
  const opened = await openAlone(config, seals)
  if (opened.kind !== "ok") return opened
  const { store, vault, gallery, close } = opened.value
  const { exposure } = vault
  const lacksRecoveryKey = needsRecoveryKey({ store, vault })
  return { kind: "ok", value: { ...gallery, checksums: openChecksums(store, vault), exposure, lacksRecoveryKey, close } }
}

async function openPeopleAlone(config: Config): ReturnType<CliNeeds["openPeople"]> {
  const opened = await openAlone(config)
  return opened.kind === "ok" ? { kind: "ok", value: { ...opened.value.people, close: opened.value.close } } : opened
}

async function openAlone(config: Config, seals = true) {
  const log = quietLog()
  const folder = openBoxFolder(config, { log, seals })
  if (folder.kind !== "ok") return folder
  const { store, vault } = folder.value
  const gallery = await openGallery(store, vault, { log, indexFolder: indexFolderOf(config.dataFolder) })
  const sightings = openSightings(store, vault, gallery.nameOf)
  const people = await openRights({ store, vault, gallery, sightings }, config, log)
  const close = async () => {
    await people.close()
    await gallery.close()
    store.close()
  }
  return { kind: "ok", value: { store, vault, gallery, people, close } } as const
}

/** Before anybody is served: whoever was erased, and came back with an older backup, is erased again. */
function openRights(
  needs: HoldingsNeeds,
  { dataFolder, backup }: Config,
  log: Log,
  more: readonly Holding[] = [],
): Promise<People> {
  const { store, vault, gallery } = needs
  const shelf = openShelf(dataFolder, backup)
  const eraseFromBackups = async (subjectIds: readonly string[]) => {
    const { shredded, unsealed } = await shelf.shred(subjectIds.map(ownerOfSubject))
    const { rewritten, left } =
      unsealed === 0 ? { rewritten: [], left: [] } : await forgetInBackupsElsewhere(selfCommand(), dataFolder, shelf.folder)
    return { keysTaken: shredded, rewritten: rewritten.length, left }
  }
  const copiesLeft = () => [...asideFolders(dataFolder), ...spooledFiles(dataFolder)]
  const holdings = [...more, ...holdingsOf(needs)]
  const ledgerPath = join(dataFolder, dataFolderFiles.erased)
  return openPeople({ store, vault, gallery, holdings, eraseFromBackups, copiesLeft, log }, ledgerPath)
}

/** In a data folder made of a backup that is not sealed. */
async function forgetIn(dataFolder: string, subjectIds: readonly string[]): Promise<Result<boolean>> {
  const opened = openDataFolder(dataFolder)
  if (opened.kind === "failed") return opened
  const { store } = opened
  const vault = plainVault(openSuite("aes").suite, openVaultRows(store))
  const gallery = await openGallery(store, vault)
  try {
    const sightings = openSightings(store, vault, gallery.nameOf)
    const eraser = createEraser(store, holdingsOf({ store, vault, gallery, sightings }))
    const present = subjectIds.filter(eraser.isThere)
    for (const subjectId of present) await eraser.erase(subjectId)
    return { kind: "ok", value: present.length > 0 }
  } finally {
    await gallery.close()
    store.close()
  }
}

/** What a thief of the disk could read, at every start. */
function sayExposure({ exposure }: Vault, log: Log): void {
  const { text, remedy } = exposure
  if (exposure.level === "warn") log.warn({ remedy }, text)
  else log.info(text)
}

/** A model set with its engines, as the box answers by it. */
interface EmbedEngines extends EmbedSide {
  readonly models: ModelSet
  readonly engines: EnginePool
  /** As `analyze`, with the answers of a moment ago. */
  readonly cached: CachedAnalyze
}

function withSet(config: Config, modelSet: string): Config {
  return { ...config, inference: { ...config.inference, modelSet } }
}

async function locate(config: Config, log: Log): Promise<Result<ModelSet>> {
  const located = await locateModelSet(modelOptions(config))
  if (located.kind === "failed") return located
  for (const note of located.notes) log.warn(note)
  return { kind: "ok", value: located.set }
}

function openEnginePool(config: Config, set: ModelSet, log: Log, metrics: Metrics, placement: Placement): EnginePool {
  const choose = acceleratorChooser(config.inference, selfCommand())
  return openPool(selfCommand(), set, config.inference, log, metrics, placement, choose)
}

function modelOptions({ modelsFolder, modelSearchFolders, inference }: Config) {
  return { modelsFolder, searchFolders: modelSearchFolders, set: inference.modelSet }
}

/** Closes what was opened, also when opening stopped half-way. */
async function opening<Ended>(log: Log, work: (opened: Lifetimes, log: Log) => Promise<Ended>): Promise<Ended> {
  await using opened = createLifetimes()
  return await work(opened, log)
}

/** For commands that print a result of their own: only what is wrong is said beside it. */
function quietLog(): Log {
  return createLog(process.env.GATEHOUSE_LOG ?? "warn")
}

function toldToStop(): Promise<NodeJS.Signals> {
  return new Promise((stop) => {
    process.once("SIGTERM", stop)
    process.once("SIGINT", stop)
  })
}

try {
  const { runCli } = await import("./cli/cli.ts")
  process.exit(await runCli(process.argv.slice(2), needs))
} catch (error) {
  // A bug. Bun would show the lines of source around it, and in the compiled file five lines are the whole program.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
