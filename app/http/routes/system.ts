import type { Metrics } from "../../base/metrics.ts"
import { version } from "../../base/version.ts"
import type { AcceleratorStatus } from "../../inference/accelerator-status.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"
import { aliveAnswer, readyAnswer, systemAnswer } from "../system-answers.ts"
import { toDecidedBy } from "./recognize.ts"

/** Engines that start are a matter of seconds; engines that are all down come back by themselves or not at all. */
const retryAfterS = 2

/** What the box says of itself. */
export function systemRoutes(needs: HttpNeeds): Route[] {
  const { pool, gallery, metrics } = needs

  return [
    route({
      method: "get",
      path: "/healthz",
      access: "open",
      summary: "The process is alive",
      answers: { 200: aliveAnswer },
      handle: () => reply(200, { status: "alive" }),
    }),

    route({
      method: "get",
      path: "/readyz",
      access: "open",
      summary: "Pictures can be answered rightly, if perhaps more slowly (degraded)",
      answers: { 200: readyAnswer },
      errors: ["unavailable"],
      handle: () => {
        const { status, reasons } = readiness(needs)
        if (status === "ready" || status === "degraded") return reply(200, { status, reasons })
        const details = { status, reasons }
        return problem("unavailable", `not ready: ${reasons.join("; ") || status}`, { retryAfterS, details })
      },
    }),

    route({
      method: "get",
      path: "/v1/system",
      access: "key",
      summary: "Models, engines, gallery, thresholds and memory as they are now",
      answers: { 200: systemAnswer },
      handle: async () => {
        readGauges(needs)
        const status = pool.status()
        const { status: state, reasons } = readiness(needs)
        return reply(200, {
          version,
          bun: Bun.version,
          startedAtMs: Math.round(performance.timeOrigin),
          uptimeS: Math.round(process.uptime()),
          state,
          reasons,
          modelSet: status.set,
          models: needs.models,
          loadedModels: status.models,
          ...(status.runtime === undefined ? {} : { runtime: status.runtime }),
          engines: status.engines,
          placement: status.placement,
          ...(status.accelerator && { accelerator: toAccelerator(status.accelerator) }),
          engineRestarts: status.restarts,
          queue: { waiting: status.waiting, waitingMax: status.waitingMax },
          gallery: gallery.counts(),
          sealing: sealingOf(needs),
          index: gallery.indexStatus(),
          thresholds: toDecidedBy(needs.judge({})),
          pairThresholds: needs.thresholds,
          memory: {
            residentBytes: process.memoryUsage.rss(),
            enginesBytes: status.engines.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
          },
          ...(await figuresOf(metrics)),
          telemetry: { exporting: needs.tracer.recording },
          machine: await needs.machine(),
          profile: needs.profile,
        })
      },
    }),

    route({
      method: "get",
      path: "/metrics",
      access: "key_unless_local",
      summary: "Figures for Prometheus; open to this very machine, with a key to others",
      answers: { 200: { mediaType: metrics.registry.contentType } },
      handle: async () => {
        readGauges(needs)
        return reply(200, await metrics.registry.metrics())
      },
    }),
  ]
}

/** Whether the data folder is sealed, by what, and what a thief of the disk could read all the same. */
function sealingOf({ vault: { isSealed, suite, exposure } }: HttpNeeds) {
  const { level, text, remedy } = exposure
  const sealed = isSealed ? ({ sealed: true, suite: suite.name, by: suite.by } as const) : ({ sealed: false } as const)
  return { ...sealed, level, text, ...(remedy === undefined ? {} : { remedy }) }
}

/** Its process stands among the engines. */
function toAccelerator({ engine: _engine, refusals, ...status }: AcceleratorStatus) {
  return { ...status, refusals: [...refusals] }
}

/** Brings up to date what is counted elsewhere. */
function readGauges(needs: HttpNeeds) {
  const { pool, gallery, metrics } = needs
  pool.status() // Sets those of the engines.
  needs.enrolments.readGauges()
  needs.sync()?.readGauges(metrics)
  metrics.subjects.set(gallery.counts().subjects)
  metrics.indexedFaces.set(activeIndex(needs)?.faces ?? 0)
  const { sightings, bytes } = needs.sightings.totals()
  metrics.sightings.set(sightings)
  metrics.sightingBytes.set(bytes)
}

/** What `/metrics` tells, for those who have no Prometheus. */
async function figuresOf(metrics: Metrics) {
  const only = async (metric: { values(): Promise<Readonly<Record<string, number>>> }) => (await metric.values()).all ?? 0
  return {
    durations: {
      requests: metrics.requestSeconds.recent(),
      stages: metrics.stageSeconds.recent(),
      queue: metrics.queueSeconds.recent(),
      runs: metrics.runSeconds.recent(),
      engineStarts: metrics.engineStartSeconds.recent(),
      commits: metrics.commitSeconds.recent(),
      eventLoopLag: metrics.eventLoopLagSeconds.recent(),
    },
    counts: {
      faces: await metrics.facesTotal.values(),
      refused: await metrics.refusedTotal.values(),
      degraded: await metrics.degradedTotal.values(),
      engineRestarts: await metrics.engineRestartsTotal.values(),
      engineScaling: await metrics.engineScalingTotal.values(),
      cache: await metrics.cacheTotal.values(),
      sightingsPruned: await metrics.sightingsPrunedTotal.values(),
      spans: await metrics.spansTotal.values(),
    },
    sightings: {
      stored: await only(metrics.sightings),
      bytes: await only(metrics.sightingBytes),
      recorded: await only(metrics.sightingsTotal),
      listeners: await only(metrics.listeners),
      lostEvents: await only(metrics.lostEventsTotal),
    },
    cacheEntries: await only(metrics.cacheEntries),
    requestsInFlight: await only(metrics.requestsInFlight),
  }
}

/** The engines' own word, lowered to degraded while the active index has failed or is being built: searches are slower then. */
function readiness(needs: HttpNeeds) {
  const { state, reasons } = needs.pool.status()
  const index = activeIndex(needs)
  if (index === undefined || index.state === "ready") return { status: state, reasons }
  const why =
    index.state === "failed"
      ? "the face index has failed; searches take the slow way"
      : `rebuilding ${Math.floor(index.progress * 100)} % (the face index; searches are exact and slower meanwhile)`
  return { status: state === "ready" ? ("degraded" as const) : state, reasons: [...reasons, why] }
}

function activeIndex({ gallery, models }: HttpNeeds) {
  return gallery.indexStatus().find(({ space }) => space === models.space)
}
