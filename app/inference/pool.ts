import { availableParallelism } from "node:os"
import { unreachable } from "../base/assert.ts"
import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import { spaceDimension } from "../face/embedding.ts"
import type { AnalyzedFace } from "../face/face.ts"
import type { Answer } from "./answer.ts"
import type { ModelSet } from "./manifest.ts"
import type { InferenceOptions } from "./options.ts"
import { type EngineAnswer, type EngineExit, type EngineProcess, type Ready, startEngine } from "./process.ts"
import type { Work } from "./work.ts"

export interface EngineStatus {
  readonly pid: number
  readonly state: "starting" | "idle" | "busy" | "restarting"
  readonly busyForMs: number
  readonly residentBytes: number
}

export interface PoolStatus {
  /** `down`: nothing can be answered now. `degraded`: answers are right, but an engine is missing or keeps dying. */
  readonly state: "starting" | "ready" | "degraded" | "down"
  readonly reasons: readonly string[]
  readonly engines: readonly EngineStatus[]
  readonly restarts: number
  readonly waiting: number
  readonly waitingMax: number
  readonly set: string
  readonly runtime: Ready["runtime"] | undefined
  readonly models: Ready["models"]
}

/** The engines as the rest of the box sees them: a picture goes in, faces come out, and every way it can end is a value. */
export interface EnginePool {
  analyze(work: Work): Promise<Answer>
  status(): PoolStatus
  /** Settles as soon as an engine is ready, or all of them have said that they cannot serve. */
  settled(): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  readonly work: Work
  readonly sinceTickMs: number
  readonly settle: (answer: Answer) => void
  readonly timer: Timer
}

interface Slot {
  engine: EngineProcess | undefined
  state: EngineStatus["state"]
  /** Exits in a row without ever having been ready. */
  failures: number
  restartTimer: Timer | undefined
}

/** An engine that never got ready is tried again ever more slowly; one that served and died comes back quickly, but never in a hot loop. */
const neverReadyBackoff: BackoffOptions = { firstMs: 500, maxMs: 30_000 }
const diedBackoff: BackoffOptions = { firstMs: 20, maxMs: 500 }

/** So many deaths within this window are no accident: the box says so until the window is clear again. */
const deathsMax = 5
const deathsWindowMs = 60_000

const engineStages = ["decode", "detect", "align", "embed"] as const

/** Weight of the newest run in the average that Retry-After is reckoned from. */
const runAverageWeight = 0.1

export function openPool(
  command: readonly string[],
  set: ModelSet,
  options: InferenceOptions,
  log: Log,
  metrics: Pick<
    Metrics,
    | ("engineRestartsTotal" | "enginesReady" | "engineQueue" | "engineBytes")
    | ("stageSeconds" | "queueSeconds" | "runSeconds" | "refusedTotal" | "engineStartSeconds" | "modelLoadSeconds")
  >,
): EnginePool {
  const size = options.engines === "auto" ? Math.min(4, availableParallelism()) : options.engines
  const slots: Slot[] = Array.from({ length: size }, () => ({
    engine: undefined,
    state: "starting",
    failures: 0,
    restartTimer: undefined,
  }))
  const firstOutcome = Promise.withResolvers<void>()
  const waiting: Waiting[] = []
  let deathTicksMs: number[] = []
  let restarts = 0
  let runMsAverage = 50
  let everReady = false
  let lastExit: EngineExit | undefined
  let lastReady: Ready | undefined
  let closing = false

  for (const slot of slots) start(slot)

  return {
    analyze: (work) => {
      const { deadlineTickMs } = work
      const refusal = refuseNow(deadlineTickMs)
      if (refusal !== undefined) {
        metrics.refusedTotal.inc({ reason: refusal.kind })
        return Promise.resolve(refusal)
      }
      return new Promise((settle) => {
        const sinceTickMs = nowTickMs()
        const item: Waiting = {
          work,
          sinceTickMs,
          settle,
          timer: setTimeout(() => expire(item), deadlineTickMs - sinceTickMs),
        }
        waiting.push(item)
        dispatch()
      })
    },
    status,
    settled: () => firstOutcome.promise,
    close: async () => {
      closing = true
      for (const item of waiting.splice(0))
        settleItem(item, { kind: "unavailable", retryAfterS: 5, why: "the box is stopping" })
      for (const slot of slots) clearTimeout(slot.restartTimer)
      await Promise.all(slots.map((slot) => slot.engine?.stop()))
    },
  }

  /** The answer for work that need not even wait. */
  function refuseNow(deadlineTickMs: number): Exclude<Answer, { kind: "ok" | "refused" }> | undefined {
    if (nowTickMs() >= deadlineTickMs) return { kind: "expired", retryAfterS: retryAfterS() }
    if (waiting.length >= options.waitingMax) return { kind: "overloaded", retryAfterS: retryAfterS() }
    if (readyCount() === 0) return { kind: "unavailable", retryAfterS: 1, why: whyNotReady() }
    return undefined
  }

  function dispatch() {
    for (const slot of slots) {
      if (slot.state !== "idle" || slot.engine === undefined) continue
      const item = waiting.shift()
      if (item === undefined) break
      void serve(slot, slot.engine, item)
    }
    metrics.engineQueue.set(waiting.length)
  }

  async function serve(slot: Slot, engine: EngineProcess, item: Waiting): Promise<void> {
    slot.state = "busy"
    const startTickMs = nowTickMs()
    const priority = item.work.priority ?? "interactive"
    metrics.queueSeconds.observe({ priority }, (startTickMs - item.sinceTickMs) / 1000)
    const answer = await engine.analyze(item.work.picture, item.work.options)
    metrics.runSeconds.observe({ outcome: answer.kind }, (nowTickMs() - startTickMs) / 1000)
    if (slot.engine === engine && slot.state === "busy") slot.state = "idle"
    runMsAverage += runAverageWeight * (nowTickMs() - startTickMs - runMsAverage)
    settleItem(item, toAnswer(answer, startTickMs - item.sinceTickMs))
    dispatch()
  }

  function toAnswer(answer: EngineAnswer, waitMs: number): Answer {
    switch (answer.kind) {
      case "analysis": {
        const { image, timingsMs } = answer.analysis
        for (const stage of engineStages) metrics.stageSeconds.observe({ stage }, timingsMs[stage] / 1000)
        return {
          kind: "ok",
          image,
          faces: toFaces(answer, spaceDimension(set.embedding.space)),
          timingsMs: { ...timingsMs, wait: Math.round(waitMs * 100) / 100 },
          degraded: [],
        }
      }
      case "refused":
        return { kind: "refused", reason: answer.reason, why: answer.why }
      case "failed":
        log.error({ why: answer.why }, "an engine could not analyse a picture")
        metrics.refusedTotal.inc({ reason: "engine_failed" })
        return {
          kind: "unavailable",
          retryAfterS: 1,
          why: "the engine failed on this picture; the log of the box has the cause",
        }
      case "lost":
        metrics.refusedTotal.inc({ reason: "engine_lost" })
        return {
          kind: "unavailable",
          retryAfterS: 1,
          why: "the engine was lost while it worked on this picture; please send it again",
        }
      default:
        return unreachable(answer)
    }
  }

  function expire(item: Waiting) {
    const at = waiting.indexOf(item)
    if (at < 0) return
    waiting.splice(at, 1)
    metrics.engineQueue.set(waiting.length)
    metrics.refusedTotal.inc({ reason: "expired" })
    settleItem(item, { kind: "expired", retryAfterS: retryAfterS() })
  }

  function settleItem(item: Waiting, answer: Answer) {
    clearTimeout(item.timer)
    item.settle(answer)
  }

  function start(slot: Slot) {
    slot.state = "starting"
    slot.restartTimer = undefined
    const engine = startEngine(command, set, options.threadsPerEngine, options, {
      ready: (ready) => {
        slot.state = "idle"
        slot.failures = 0
        everReady = true
        lastReady = ready
        log.info({ pid: ready.pid, runtime: ready.runtime, models: ready.models }, "engine ready")
        metrics.enginesReady.set(readyCount())
        firstOutcome.resolve()
        dispatch()
      },
      exited: (exit) => exited(slot, exit),
    })
    slot.engine = engine
  }

  function exited(slot: Slot, exit: EngineExit) {
    slot.engine = undefined
    slot.state = "restarting"
    metrics.enginesReady.set(readyCount())
    if (closing) return
    lastExit = exit
    slot.failures = exit.wasReady ? 0 : slot.failures + 1
    deathTicksMs.push(nowTickMs())
    const deaths = recentDeaths()
    const delayMs = exit.wasReady ? nextDelayMs(deaths, diedBackoff) : nextDelayMs(slot.failures, neverReadyBackoff)
    restarts += 1
    metrics.engineRestartsTotal.inc({ reason: exit.reason })
    log.error(
      { reason: exit.reason, why: exit.why, deathsLastMinute: deaths, delayMs: Math.round(delayMs) },
      "engine lost; starting another",
    )
    slot.restartTimer = setTimeout(() => start(slot), delayMs)
    if (!slots.some((other) => other.state === "starting" || isReady(other))) {
      firstOutcome.resolve()
      // Nobody is left to take them, and a caller told to come back in a second is better off than one kept hanging.
      for (const item of waiting.splice(0)) settleItem(item, { kind: "unavailable", retryAfterS: 1, why: whyNotReady() })
    }
  }

  function status(): PoolStatus {
    const ready = readyCount()
    const deaths = recentDeaths()
    const reasons: string[] = []
    if (ready < size) reasons.push(everReady ? `${size - ready} of ${size} engines are down` : whyNotReady())
    if (deaths >= deathsMax)
      reasons.push(`engines died ${deaths} times in the last minute, last: ${lastExit?.why ?? "unknown"}`)
    const state =
      ready === 0 ? (everReady || lastExit !== undefined ? "down" : "starting") : reasons.length === 0 ? "ready" : "degraded"
    const engines = slots.map((slot) => ({
      pid: slot.engine?.pid ?? 0,
      state: slot.state,
      busyForMs: Math.round(slot.engine?.busyForMs() ?? 0),
      residentBytes: slot.engine?.residentBytes() ?? 0,
    }))
    metrics.engineBytes.set(engines.reduce((sum, engine) => sum + engine.residentBytes, 0))
    return {
      state,
      reasons,
      engines,
      restarts,
      waiting: waiting.length,
      waitingMax: options.waitingMax,
      set: set.name,
      runtime: lastReady?.runtime,
      models: lastReady?.models ?? [],
    }
  }

  function readyCount(): number {
    return slots.filter(isReady).length
  }

  function recentDeaths(): number {
    const sinceTickMs = nowTickMs() - deathsWindowMs
    deathTicksMs = deathTicksMs.filter((tickMs) => tickMs > sinceTickMs)
    return deathTicksMs.length
  }

  function whyNotReady(): string {
    return lastExit === undefined ? "the engines are starting" : `no engine is up: ${lastExit.why}`
  }

  /** Whole seconds until the queue as it stands has drained. */
  function retryAfterS(): number {
    return Math.max(1, Math.ceil((waiting.length * runMsAverage) / Math.max(1, readyCount()) / 1000))
  }
}

function isReady(slot: Slot): boolean {
  return slot.state === "idle" || slot.state === "busy"
}

function toFaces(answer: Extract<EngineAnswer, { kind: "analysis" }>, dimension: number): AnalyzedFace[] {
  return answer.analysis.faces.map(({ embeddingIndex, ...face }) =>
    embeddingIndex === undefined
      ? face
      : { ...face, embedding: answer.embeddings.slice(embeddingIndex * dimension, (embeddingIndex + 1) * dimension) },
  )
}
