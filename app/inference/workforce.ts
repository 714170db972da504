import type { Metrics } from "../base/metrics.ts"
import { type Accelerator, type AcceleratorNeeds, openAccelerator } from "./accelerator.ts"
import type { AcceleratorStatus } from "./accelerator-status.ts"
import { type Crew, type CrewNeeds, type CrewStatus, openCrew } from "./crew.ts"
import type { EngineAnswer } from "./process.ts"
import type { AnalyzeOptions } from "./wire.ts"

/** Everybody who analyses pictures: engines on the processor, and one on an accelerator where the machine has one. */
export interface Workforce {
  /** Engines that take work now. */
  readonly readyCount: number
  /** Pictures that are worked on at once when all have something to do. */
  readonly atOnce: number
  hasFree(): boolean
  /** By whoever is free; the caller has made sure that somebody is. What an accelerator fails at, the processor does. */
  analyze(picture: Uint8Array, options: AnalyzeOptions, given?: GivenRun): Promise<EngineAnswer>
  whyNotReady(): string
  status(): WorkforceStatus
  /** Settles as soon as an engine is ready, or all of them have said that they cannot serve. */
  settled(): Promise<void>
  readonly accelerator: Accelerator | undefined
  /** Those on the processor. While an accelerator serves nobody but this file changes how many they are. */
  readonly crew: Crew
  /** The longest silence of an engine that is taken for ready. */
  silentForMs(): number
  close(): Promise<void>
}

export interface GivenRun {
  readonly traceparent?: string | undefined
  /** So large that it takes several times as long as others: goes to the processor, where nobody takes a long run for one that hangs. */
  readonly heavy?: boolean
  readonly signal?: AbortSignal | undefined
}

export interface WorkforceStatus extends CrewStatus {
  /** Absent where nobody looks for one. */
  readonly accelerator?: AcceleratorStatus
}

export interface WorkforceNeeds {
  /** Engines on the processor while it serves. */
  readonly size: number
  readonly crew: Omit<CrewNeeds, "freed" | "allDown">
  readonly metrics: Pick<Metrics, "providerRerunsTotal" | "engines" | "engineBytes">
  /** Absent: the processor does it all. */
  readonly accelerator?: Omit<AcceleratorNeeds, "isIdle" | "changed" | "freed">
  /** Nobody waits for an engine. */
  isIdle(): boolean
  freed(): void
  allDown(): void
}

const engineStates = ["starting", "idle", "busy", "restarting", "stopping"] as const

/** Stays beside an accelerator that serves: ready to take over at once, and to do what the other fails at. */
const reserve = 1

/** Somebody who is for an engine on the processor and waits until one is free. At most what the accelerator had in hand, and heavy ones. */
interface Waiting {
  readonly begin: (answer: Promise<EngineAnswer> | EngineAnswer) => void
  readonly ask: () => Promise<EngineAnswer>
}

export function openWorkforce({ size, crew: crewNeeds, metrics, ...needs }: WorkforceNeeds): Workforce {
  const waiting: Waiting[] = []
  const crew = openCrew(size, { ...crewNeeds, freed: crewFreed, allDown: crewDown })
  const accelerator =
    needs.accelerator &&
    openAccelerator({
      ...needs.accelerator,
      choose: async (signal) => {
        // First somebody who serves: looking and preparing take processor time, too.
        await crew.settled()
        const nothing = { plans: [], refusals: [] }
        return signal.aborted ? nothing : (needs.accelerator?.choose(signal) ?? nothing)
      },
      isIdle: () => needs.isIdle() && crew.busyCount === 0,
      changed: () => crew.keep(accelerator?.serving === true ? reserve : size),
      freed: needs.freed,
    })

  return {
    get readyCount() {
      return accelerator?.serving === true ? 1 : crew.readyCount
    },
    get atOnce() {
      return accelerator?.serving === true ? (needs.accelerator?.limits.batchSizeMax ?? 1) : crew.readyCount
    },
    hasFree: () => (accelerator?.serving === true ? accelerator.hasFree() : waiting.length === 0 && crew.hasFree()),
    analyze,
    whyNotReady: crew.whyNotReady,
    status,
    settled: crew.settled,
    accelerator,
    crew,
    silentForMs: () => Math.max(crew.silentForMs(), accelerator?.silentForMs() ?? 0),
    close: async () => {
      for (const { begin } of waiting.splice(0)) begin({ kind: "lost", why: "the box is stopping" })
      await Promise.all([accelerator?.close(), crew.close()])
    },
  }

  async function analyze(picture: Uint8Array, options: AnalyzeOptions, given: GivenRun = {}): Promise<EngineAnswer> {
    const { traceparent, heavy = false, signal } = given
    const onCrew = async () => {
      const answer = await crew.analyze(picture, options, traceparent)
      if (waiting.length > 0) crewFreed()
      return answer
    }
    if (accelerator === undefined || !accelerator.serving) return crew.hasFree() ? onCrew() : whenFree(onCrew)
    if (heavy) return whenFree(onCrew)
    const answer = await accelerator.analyze({ picture, options, traceparent })
    if ((answer.kind !== "failed" && answer.kind !== "lost") || signal?.aborted === true) return answer
    const again = await whenFree(onCrew)
    metrics.providerRerunsTotal.inc({ outcome: again.kind })
    return again
  }

  function whenFree(ask: () => Promise<EngineAnswer>): Promise<EngineAnswer> {
    return new Promise((begin) => {
      waiting.push({ begin, ask })
      crewFreed()
    })
  }

  function crewFreed() {
    while (crew.hasFree()) {
      const next = waiting.shift()
      if (next === undefined) break
      next.begin(next.ask())
    }
    needs.freed()
  }

  function crewDown() {
    for (const { begin } of waiting.splice(0)) begin({ kind: "lost", why: crew.whyNotReady() })
    if (accelerator?.serving !== true) needs.allDown()
  }

  function status(): WorkforceStatus {
    const whole = withAccelerator(crew.status())
    const { engines } = whole
    for (const name of engineStates) metrics.engines.set({ state: name }, engines.filter(({ state }) => state === name).length)
    metrics.engineBytes.set(engines.reduce((sum, { residentBytes }) => sum + residentBytes, 0))
    return whole
  }

  function withAccelerator(own: CrewStatus): WorkforceStatus {
    const beside = accelerator?.status()
    if (accelerator === undefined || beside === undefined) return own
    const ready = accelerator.ready
    const reasons = [...own.reasons, ...(beside.rest === undefined ? [] : [`the accelerator was given up: ${beside.rest.why}`])]
    // The reserve may be missing: answers are right all the same.
    const state = own.state === "ready" || ready !== undefined ? (reasons.length === 0 ? "ready" : "degraded") : own.state
    return {
      ...own,
      state,
      reasons,
      ...(ready && { runtime: ready.runtime, models: ready.models }),
      engines: beside.engine === undefined ? own.engines : [beside.engine, ...own.engines],
      accelerator: beside,
    }
  }
}
