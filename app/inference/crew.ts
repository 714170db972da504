import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import type { Log } from "../base/log.ts"
import type { EngineState, Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { ModelSet } from "./manifest.ts"
import { anywhere, cpusOf, type Seat, type Seats } from "./placement/seats.ts"
import {
  type EngineAnswer,
  type EngineExit,
  type EngineLimits,
  type EngineProcess,
  type Ready,
  startEngine,
} from "./process.ts"
import { cpuPlan, type ProviderName } from "./providers/plan.ts"
import type { AnalyzeOptions } from "./wire.ts"

export interface EngineStatus {
  readonly pid: number
  /** What its networks run on. */
  readonly provider: ProviderName
  readonly state: EngineState
  readonly busyForMs: number
  readonly residentBytes: number
  /** Pictures this process has been given. */
  readonly runs: number
  /** Processors it may run on, as the kernel says: `0-3,8`; absent while it is started. */
  readonly cpus?: string
}

export interface CrewStatus {
  /** `down`: nothing can be answered now. `degraded`: answers are right, but an engine is missing or keeps dying. */
  readonly state: "starting" | "ready" | "degraded" | "down"
  readonly reasons: readonly string[]
  readonly engines: readonly EngineStatus[]
  readonly restarts: number
  readonly runtime: Ready["runtime"] | undefined
  readonly models: Ready["models"]
}

/** The engine processes: each is started, kept alive, given one picture at a time, and in the end let go. */
export interface Crew {
  /** Engines that take work now. */
  readonly readyCount: number
  /** Those, and the ones that are or will be started. */
  readonly count: number
  /** Engines that have a picture in hand. */
  readonly busyCount: number
  /** The most that worked at once since this was asked last. */
  busyMax(): number
  hasFree(): boolean
  /** To a free engine; the caller has made sure that there is one. */
  analyze(picture: Uint8Array, options: AnalyzeOptions, traceparent?: string): Promise<EngineAnswer>
  /** Starts one more. If it never gets ready, it is not tried again. */
  grow(): void
  /** Lets one go, a free one where there is one; a busy one finishes its picture first. */
  retire(): void
  /** So many from now on, whatever happens: starts those that are missing, lets go who is too many. */
  keep(count: number): void
  /** Why nobody is ready. */
  whyNotReady(): string
  status(): CrewStatus
  /** Settles as soon as an engine is ready, or all of them have said that they cannot serve, or none is wanted any more. */
  settled(): Promise<void>
  /** The longest silence of an engine that is taken for ready. */
  silentForMs(): number
  close(): Promise<void>
}

export interface CrewNeeds {
  readonly command: readonly string[]
  readonly set: ModelSet
  readonly threads: number
  /** Where engines run; anywhere when not said. */
  readonly seats?: Seats
  readonly limits: EngineLimits
  readonly log: Log
  readonly metrics: Pick<Metrics, "engineRestartsTotal" | "enginesReady" | "engineStartSeconds" | "modelLoadSeconds">
  /** An engine is free that was not before. */
  freed(): void
  /** No engine is ready, and none is being loaded. */
  allDown(): void
}

interface Slot {
  engine: EngineProcess | undefined
  /** Kept over restarts. */
  readonly seat: Seat
  cpus: string | undefined
  /** Pictures given to this engine. */
  runs: number
  state: EngineState
  /** Added to those the box began with, and not ready yet: nobody misses it. */
  added: boolean
  /** Leaves as soon as its hands are empty. */
  leaving: boolean
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

/** Starts `size` engines at once. */
export function openCrew(size: number, needs: CrewNeeds): Crew {
  const { command, set, threads, seats = anywhere, limits, log, metrics, freed, allDown } = needs
  const firstOutcome = Promise.withResolvers<void>()
  const slots: Slot[] = []
  let busyMost = 0
  let deathTicksMs: number[] = []
  let restarts = 0
  let everReady = false
  let lastExit: EngineExit | undefined
  let lastReady: Ready | undefined
  let closing = false

  for (let count = 0; count < size; count++) add(false)

  return {
    get readyCount() {
      return readyCount()
    },
    get count() {
      return staying().length
    },
    get busyCount() {
      return busyCount()
    },
    busyMax: () => {
      const most = busyMost
      busyMost = busyCount()
      return most
    },
    hasFree: () => slots.some(isFree),

    analyze: async (picture, options, traceparent) => {
      const slot = slots.find(isFree)
      if (slot?.engine === undefined) return { kind: "lost", why: "no engine was free" }
      const { engine } = slot
      slot.state = "busy"
      slot.runs += 1
      busyMost = Math.max(busyMost, busyCount())
      const answer = await engine.analyze({ picture, options, traceparent })
      if (slot.engine === engine && slot.state === "busy") {
        slot.state = "idle"
        if (slot.leaving) letGo(slot)
      }
      return answer
    },

    grow: () => add(true),
    retire,
    keep: (count) => {
      for (let missing = count - staying().length; missing > 0; missing--) add(false)
      for (let spare = staying().length - count; spare > 0; spare--) retire()
    },
    whyNotReady,
    status,
    settled: () => firstOutcome.promise,
    silentForMs: () => Math.max(0, ...slots.filter(isReady).map(({ engine }) => engine?.silentForMs() ?? 0)),
    close: async () => {
      closing = true
      // Whoever waits for the first engine would wait for ever.
      firstOutcome.resolve()
      for (const slot of slots) clearTimeout(slot.restartTimer)
      await Promise.all(slots.map((slot) => slot.engine?.stop()))
      for (const slot of slots) slot.seat.leave()
    },
  }

  function add(added: boolean) {
    const slot: Slot = {
      engine: undefined,
      seat: seats.take(),
      cpus: undefined,
      runs: 0,
      state: "starting",
      added,
      leaving: false,
      failures: 0,
      restartTimer: undefined,
    }
    slots.push(slot)
    start(slot)
  }

  function start(slot: Slot) {
    const startTickMs = nowTickMs()
    slot.state = "starting"
    slot.runs = 0
    slot.restartTimer = undefined
    const { seat } = slot
    slot.engine = startEngine(
      { command, set, threads, seat, limits, plan: cpuPlan },
      {
        ready: (ready) => {
          slot.state = "idle"
          slot.cpus = cpusOf(ready.pid)
          slot.added = false
          slot.failures = 0
          everReady = true
          lastReady = ready
          log.info({ pid: ready.pid, runtime: ready.runtime, models: ready.models }, "engine ready")
          metrics.enginesReady.set(readyCount())
          metrics.engineStartSeconds.observe((nowTickMs() - startTickMs) / 1000)
          for (const { role, name, version, loadMs, warmMs } of ready.models) {
            const model = `${name}/${version}`
            metrics.modelLoadSeconds.observe({ role, model, step: "load" }, loadMs / 1000)
            metrics.modelLoadSeconds.observe({ role, model, step: "warm" }, warmMs / 1000)
          }
          firstOutcome.resolve()
          if (slot.leaving) letGo(slot)
          else freed()
        },
        exited: (exit) => exited(slot, exit),
      },
    )
  }

  function retire() {
    const slot = slots.findLast(isFree) ?? staying().at(-1)
    if (slot === undefined) return
    slot.leaving = true
    metrics.enginesReady.set(readyCount())
    if (slot.state !== "busy") letGo(slot)
  }

  function letGo(slot: Slot) {
    slot.state = "stopping"
    clearTimeout(slot.restartTimer)
    if (slot.engine === undefined) forget(slot)
    else void slot.engine.stop()
  }

  function exited(slot: Slot, exit: EngineExit) {
    slot.engine = undefined
    slot.cpus = undefined
    if (!closing) {
      if (slot.leaving) forget(slot)
      else lost(slot, exit)
    }
    metrics.enginesReady.set(readyCount())
    if (closing || slots.some((other) => other.state === "starting" || isReady(other))) return
    firstOutcome.resolve()
    allDown()
  }

  function lost(slot: Slot, exit: EngineExit) {
    slot.state = "restarting"
    lastExit = exit
    metrics.engineRestartsTotal.inc({ reason: exit.reason })
    const { reason, why } = exit
    if (slot.added) {
      forget(slot)
      log.error({ reason, why }, "the engine that was to be added did not get ready; it is not tried again now")
      return
    }
    slot.failures = exit.wasReady ? 0 : slot.failures + 1
    deathTicksMs.push(nowTickMs())
    const deaths = recentDeaths()
    const delayMs = exit.wasReady ? nextDelayMs(deaths, diedBackoff) : nextDelayMs(slot.failures, neverReadyBackoff)
    restarts += 1
    log.error({ reason, why, deathsLastMinute: deaths, delayMs: Math.round(delayMs) }, "engine lost; starting another")
    slot.restartTimer = setTimeout(() => start(slot), delayMs)
  }

  function forget(slot: Slot) {
    slots.splice(slots.indexOf(slot), 1)
    slot.seat.leave()
  }

  function status(): CrewStatus {
    const ready = readyCount()
    const expected = staying().filter(({ added }) => !added).length
    const deaths = recentDeaths()
    const reasons: string[] = []
    if (ready < expected) reasons.push(everReady ? `${expected - ready} of ${expected} engines are down` : whyNotReady())
    if (deaths >= deathsMax)
      reasons.push(`engines died ${deaths} times in the last minute, last: ${lastExit?.why ?? "unknown"}`)
    const state =
      ready === 0 ? (everReady || lastExit !== undefined ? "down" : "starting") : reasons.length === 0 ? "ready" : "degraded"
    const engines = slots.map((slot) => ({
      pid: slot.engine?.pid ?? 0,
      provider: "cpu" as const,
      state: slot.leaving ? ("stopping" as const) : slot.state,
      busyForMs: Math.round(slot.engine?.busyForMs() ?? 0),
      residentBytes: slot.engine?.residentBytes() ?? 0,
      runs: slot.runs,
      ...(slot.cpus !== undefined && { cpus: slot.cpus }),
    }))
    return { state, reasons, engines, restarts, runtime: lastReady?.runtime, models: lastReady?.models ?? [] }
  }

  function staying(): readonly Slot[] {
    return slots.filter(({ leaving }) => !leaving)
  }

  function readyCount(): number {
    return slots.filter(isReady).length
  }

  function busyCount(): number {
    return slots.filter(({ state }) => state === "busy").length
  }

  function recentDeaths(): number {
    const sinceTickMs = nowTickMs() - deathsWindowMs
    deathTicksMs = deathTicksMs.filter((tickMs) => tickMs > sinceTickMs)
    return deathTicksMs.length
  }

  function whyNotReady(): string {
    return lastExit === undefined ? "the engines are starting" : `no engine is up: ${lastExit.why}`
  }
}

function isFree({ state, leaving, engine }: Slot): boolean {
  return state === "idle" && !leaving && engine !== undefined
}

function isReady({ state, leaving }: Slot): boolean {
  return !leaving && (state === "idle" || state === "busy")
}
