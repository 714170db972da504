import { openCreates } from "../access/creates.ts"
import { openKeys } from "../access/keys.ts"
import { makeBackupElsewhere } from "../backup/process.ts"
import { keepBackups } from "../backup/schedule.ts"
import { openShelf } from "../backup/shelf.ts"
import type { Holding } from "../base/holding.ts"
import { createLifetimes, type Lifetimes } from "../base/lifetimes.ts"
import { createLog, type Log } from "../base/log.ts"
import { readMachine } from "../base/machine/machine.ts"
import { createMetrics, type Metrics } from "../base/metrics.ts"
import { watchEventLoop } from "../base/metrics-process.ts"
import { selfCommand } from "../base/self.ts"
import { openService } from "../base/service/service.ts"
import { createTracer, type Tracer } from "../base/trace.ts"
import { version } from "../base/version.ts"
import { openFirstBoot } from "../box/first-boot.ts"
import { openFlippedSets } from "../box/flipped-sets.ts"
import { type OpenedFolder, openBoxFolder } from "../box/open.ts"
import { makeRecoveryKey, needsRecoveryKey } from "../box/recovery.ts"
import { listeningText } from "../cli/listening.ts"
import type { CliNeeds } from "../cli/needs.ts"
import type { Config } from "../config/config.ts"
import { openEnrolments } from "../enrolment/enrolments.ts"
import { createLive } from "../events/live.ts"
import { createWorkshop } from "../events/pictures/workshop.ts"
import { keepRetention } from "../events/retention.ts"
import { openSightings } from "../events/sightings.ts"
import { indexFolderOf, openGallery } from "../gallery/open.ts"
import type { Doors } from "../http/doors.ts"
import type { RefinedAnswer } from "../http/sighting-answers.ts"
import { requiredIsMissing } from "../inference/chooser.ts"
import { openPlacement } from "../inference/placement/placement.ts"
import { keepPeopleRetention } from "../people/retention.ts"
import { createJudge, pairThresholds, presentThresholds } from "../pipeline/judge.ts"
import { servedModels } from "../pipeline/models.ts"
import { createReembedding } from "../pipeline/reembedding.ts"
import { createRefinements } from "../pipeline/refine.ts"
import type { Vault } from "../vault/vault.ts"
import { locate, withSet } from "./models.ts"
import { openRights } from "./rights.ts"
import { createSides, type EmbedEngines } from "./sides.ts"
import { type KeptSync, keepSync } from "./sync.ts"

/** Starting and stopping: open → wire → serve → close in reverse. */

/** The box: answers over HTTP until the process is told to stop. What was opened is closed, also when opening stopped half-way. */
export async function serveBox(config: Config): ReturnType<CliNeeds["serve"]> {
  await using opened = createLifetimes()
  return await serve(config, opened, createLog())
}

async function serve(config: Config, opened: Lifetimes, log: Log): ReturnType<CliNeeds["serve"]> {
  // Heard from the beginning: who is told to stop while it opens has opened for nothing, and ends well.
  const stopping = toldToStop()
  // Most of it is done beside this thread, which opens everything else meanwhile.
  const locating = locate(config, log)
  const metrics = createMetrics()
  const service = opened.adopt(await openService({ env: process.env, pid: process.pid, log }), (open) => open.close())
  log.info(config.profile, "profile")
  let sync: KeptSync | undefined
  const watchCommit = (seconds: number) => {
    metrics.commitSeconds.observe(seconds)
    sync?.committed()
  }
  const folder = openBoxFolder(config, { log, watchCommit })
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
  const { createHttpApp } = await import("../http/app.ts")
  const { openDoors } = await import("../http/doors.ts")
  const { tlsIdentity } = await import("../http/tls.ts")
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
  const sides = createSides(config, log, metrics, placement)
  opened.defer(() => sides.close())
  const first = sides.open(located.kind === "ok" ? located.value : configured.value)

  const sightings = openSightings(store, vault, gallery.nameOf, config.sightings)
  const live = createLive<RefinedAnswer>({ sightings, metrics }, config.sightings)
  const kept = { store, sightings, metrics, log }
  opened.adopt(keepRetention(kept, config.sightings), (retention) => retention.close())

  const shelf = openShelf(config.dataFolder, config.backup)
  const make = (file: string, number: number, signal: AbortSignal) =>
    makeBackupElsewhere(selfCommand(), { dataFolder: config.dataFolder, keyFile: config.vault.keyFile }, file, number, signal)
  const backups = opened.adopt(keepBackups({ shelf, make, metrics, log }, config.backup), (open) => open.close())

  const eraseCopies = async () => sides.forgetAnswers()
  const answers: Holding = { name: "answers", tables: [], files: () => [], eraseCopies }
  const people = opened.adopt(await openRights({ store, vault, gallery, sightings }, config, log, [answers]), (open) =>
    open.close(),
  )
  opened.adopt(keepPeopleRetention({ store, people, log }, config.people), (retention) => retention.close())

  const inSite = opened.adopt(await keepSync({ store, vault, gallery, people, sightings, metrics, log }, config.sync), (open) =>
    open.close(),
  )
  sync = inSite

  const refinements = opened.adopt(createRefinements(config.recognition.refine, log), (open) => open.close())

  const creates = openCreates(store, vault)
  let doors: Doors | undefined
  const workshop = createWorkshop()

  /** Everything that answers by one model set; what is asked of it in the meantime is answered by it to the end. */
  async function serveSide(side: EmbedEngines) {
    const { models, engines, cached } = side
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
      ...{ claim, securePort: () => doors?.securePort, sync: inSite.port, bundles: inSite.bundles },
      sightingOptions: config.sightings,
      models: servedModels(models),
      thresholds: pairThresholds(curve, options),
      judge,
      recognition: config.recognition,
      http: config.http,
      ...{ metrics, tracer, log, machine: readMachine, profile: config.profile },
    })
    return { side, enrolments, app }
  }

  const reembedding = createReembedding({
    gallery,
    active: () => serving.side,
    async open(name) {
      const found = await locate(withSet(config, name), log)
      return found.kind === "failed" ? found : sides.openReady(found.value)
    },
    release: sides.release,
    async serve(side) {
      const before = serving
      // Two jobs at once would each take the other's archive; recognition goes on meanwhile.
      await before.enrolments.close()
      serving = await serveSide(sides.of(side))
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

  // Engines that cannot serve settle, too: the box tells of that over HTTP, and starting it again would not help.
  void first.engines.settled().then(() => service.ready(sides.silentForMs))
  const missing = requiredIsMissing(config.inference, first.engines).then((why) => ({ kind: "misconfigured", why }) as const)
  const ending = await Promise.race([stopping, missing])
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
  const { openSpanExport } = await import("../base/otlp.ts")
  const spans = opened.adopt(openSpanExport(telemetry.otlpEndpoint, log, metrics), (open) => open.close())
  return createTracer(spans.take, telemetry.sampleShare)
}

/** What a thief of the disk could read, at every start. */
function sayExposure({ exposure }: Vault, log: Log): void {
  const { text, remedy } = exposure
  if (exposure.level === "warn") log.warn({ remedy }, text)
  else log.info(text)
}

function toldToStop(): Promise<NodeJS.Signals> {
  return new Promise((stop) => {
    process.once("SIGTERM", stop)
    process.once("SIGINT", stop)
  })
}
