import { unreachable } from "../base/assert.ts"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import { toTraceparent } from "../base/trace.ts"
import type { AcceleratorNeeds } from "./accelerator.ts"
import type { FirstOutcome } from "./accelerator-status.ts"
import { openAdmission, type TakenWork } from "./admission.ts"
import type { Answer } from "./answer.ts"
import type { CrewNeeds } from "./crew.ts"
import { keepScaled } from "./keep-scaled.ts"
import type { ModelSet } from "./manifest.ts"
import type { InferenceOptions } from "./options.ts"
import { type Placement, type PlacementStatus, unplaced } from "./placement/placement.ts"
import type { EngineAnswer } from "./process.ts"
import type { ProviderChoice } from "./providers/choose.ts"
import { traceRun } from "./run-trace.ts"
import type { Work } from "./work.ts"
import { openWorkforce, type WorkforceNeeds, type WorkforceStatus } from "./workforce.ts"

export type { EngineStatus } from "./crew.ts"

export interface PoolStatus extends WorkforceStatus {
  readonly waiting: number
  readonly waitingMax: number
  readonly set: string
  readonly placement: PlacementStatus
}

/** The engines as the rest of the box sees them: a picture goes in, faces come out, and every way it can end is a value. */
export interface EnginePool {
  analyze(work: Work): Promise<Answer>
  status(): PoolStatus
  /** Settles as soon as an engine is ready, or all of them have said that they cannot serve. */
  settled(): Promise<void>
  /** How the first try of an accelerator ended, which may be minutes later. */
  accelerated(): Promise<FirstOutcome>
  /** The longest silence of an engine that is taken for ready; beyond the limits of its watch it is a process that cannot be killed. */
  silentForMs(): number
  close(): Promise<void>
}

export type PoolMetrics = CrewNeeds["metrics"] &
  WorkforceNeeds["metrics"] &
  AcceleratorNeeds["metrics"] &
  Pick<
    Metrics,
    ("engineQueue" | "queueSeconds" | "runSeconds" | "stageSeconds") | ("refusedTotal" | "degradedTotal" | "engineScalingTotal")
  >

const engineStages = ["decode", "detect", "align", "embed"] as const

/** What is assumed of a run before the first one was measured. */
const runMsGuess = 50
/** Weight of the newest run in the average that Retry-After is reckoned from. */
const runAverageWeight = 0.1

/**
 * Brings work and engines together.
 * @param placement where engines run, for those of all sets; anywhere when not said
 * @param choose what the machine has beside its processor; when not said, nobody looks
 */
export function openPool(
  command: readonly string[],
  set: ModelSet,
  options: InferenceOptions,
  log: Log,
  metrics: PoolMetrics,
  placement: Placement = unplaced(options),
  choose?: (signal: AbortSignal) => Promise<ProviderChoice>,
): EnginePool {
  let runMsAverage = runMsGuess
  let closing = false

  const { seats, enginesMin, enginesMax } = placement
  const { threadsPerEngine: threads } = options
  const engines = openWorkforce({
    size: enginesMin,
    crew: { command, set, threads, seats, limits: options, log, metrics },
    metrics,
    ...(choose && { accelerator: { command, set, threads, limits: options, log, metrics, choose } }),
    isIdle: () => admission.waiting === 0,
    freed: dispatch,
    // Nobody is left to take them, and a caller told to come back in a second is better off than one kept hanging.
    allDown: () => admission.refuseAll(engines.whyNotReady(), 1),
  })
  const admission = openAdmission({
    waitingMax: options.waitingMax,
    engines: () => engines.readyCount,
    atOnce: () => engines.atOnce,
    runMs: () => runMsAverage,
    metrics,
  })
  const limits = { enginesMin, enginesMax, growWaitMs: options.growWaitMs, idleMs: options.engineIdleMs }
  const stopScaling = keepScaled(engines, admission, limits, log, metrics)

  return {
    analyze: (work) => {
      const why = closing ? "the box is stopping" : engines.readyCount === 0 ? engines.whyNotReady() : undefined
      if (why !== undefined) {
        metrics.refusedTotal.inc({ reason: "unavailable" })
        return Promise.resolve({ kind: "unavailable", retryAfterS: 1, why })
      }
      const answer = admission.submit(work)
      dispatch()
      return answer
    },
    status: () => ({
      ...engines.status(),
      waiting: admission.waiting,
      waitingMax: options.waitingMax,
      set: set.name,
      placement: placement.status(),
    }),
    settled: engines.settled,
    accelerated: async () => (await engines.accelerator?.firstOutcome()) ?? { kind: "refused", refusals: [] },
    silentForMs: engines.silentForMs,
    close: async () => {
      closing = true
      stopScaling()
      admission.refuseAll("the box is stopping", 5)
      await engines.close()
    },
  }

  function dispatch() {
    while (engines.hasFree()) {
      const taken = admission.take()
      if (taken === undefined) return
      void serve(taken)
    }
  }

  async function serve(taken: TakenWork): Promise<void> {
    const { work, options, degraded, waitMs, heavy } = taken
    const startTickMs = nowTickMs()
    metrics.queueSeconds.observe({ priority: work.priority ?? "interactive" }, waitMs / 1000)
    for (const what of degraded) metrics.degradedTotal.inc({ what })
    const span = work.trace?.begin("run")
    const answer = await engines.analyze(work.picture, options, {
      ...(span && { traceparent: toTraceparent(span) }),
      ...{ heavy, signal: work.signal },
    })
    const tookMs = nowTickMs() - startTickMs
    metrics.runSeconds.observe({ outcome: answer.kind }, tookMs / 1000)
    runMsAverage += runAverageWeight * (tookMs - runMsAverage)
    traceRun(taken, startTickMs, span, answer)
    taken.settle(toAnswer(answer, taken))
    dispatch()
  }

  function toAnswer(answer: EngineAnswer, { waitMs, degraded }: TakenWork): Answer {
    switch (answer.kind) {
      case "analysis": {
        const { image, faces, snapshot, timingsMs, run } = answer
        for (const stage of engineStages) metrics.stageSeconds.observe({ stage }, timingsMs[stage] / 1000)
        if (run.snapshotMs !== undefined) metrics.stageSeconds.observe({ stage: "snapshot" }, run.snapshotMs / 1000)
        const wait = Math.round(waitMs * 100) / 100
        return { kind: "ok", image, faces, timingsMs: { ...timingsMs, wait }, degraded, ...(snapshot && { snapshot }), run }
      }
      case "refused":
        return { kind: "refused", reason: answer.reason, why: answer.why }
      case "failed":
        log.error({ why: answer.why }, "an engine could not analyse a picture")
        return lostAnswer("engine_failed", "the engine failed on this picture; the log of the box has the cause")
      case "lost":
        return lostAnswer("engine_lost", "the engine was lost while it worked on this picture; please send it again")
      default:
        return unreachable(answer)
    }
  }

  function lostAnswer(reason: "engine_failed" | "engine_lost", why: string): Answer {
    metrics.refusedTotal.inc({ reason })
    return { kind: "unavailable", retryAfterS: 1, why }
  }
}
