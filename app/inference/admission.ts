import { unreachable } from "../base/assert.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { Answer } from "./answer.ts"
import { claimedPx } from "./engine/header.ts"
import { createPressure } from "./pressure.ts"
import { createWorkQueue } from "./queue.ts"
import type { AnalyzeOptions } from "./wire.ts"
import type { Degradation, Policy, Priority, Work } from "./work.ts"

/** Work that an engine may begin. Whoever took it answers it. */
export interface TakenWork {
  readonly work: Work
  /** Those of the work, made lighter where its policy and the press ask for it. */
  readonly options: AnalyzeOptions
  readonly degraded: readonly Degradation[]
  readonly waitMs: number
  /** Takes several times as long as what a camera sends. */
  readonly heavy: boolean
  settle(answer: Answer): void
}

/** The one place where work waits for an engine. Every way out of it is an answer. */
export interface Admission {
  /** Settles when the work was done, or as soon as it is known that it will not be. */
  submit(work: Work): Promise<Answer>
  take(): TakenWork | undefined
  /** Answers everybody who waits: no engine will come for them. */
  refuseAll(why: string, retryAfterS: number): void
  readonly waiting: number
  /** The longest wait since this was asked last, of those who wait still and of those whose work began. */
  longestWaitMs(): number
}

export interface AdmissionNeeds {
  /** So many may wait; under lasting overload half as many as are worked on at once. */
  readonly waitingMax: number
  /** How many engines take work now. */
  engines(): number
  /** So many pictures are worked on at once: more than there are engines where one takes several together. */
  atOnce(): number
  /** Milliseconds of a run, as measured lately. */
  runMs(): number
  readonly metrics: Pick<Metrics, "engineQueue" | "refusedTotal">
}

type Refusal = Exclude<Answer, { kind: "ok" | "refused" }>

/**
 * Above what cameras send (4096 × 2160): a picture of 25 megapixels keeps an engine ten times as long. At most all engines but
 * one work on such pictures at once, so that a door does not wait behind them.
 */
const heavyPxMin = 9_000_000

interface Item {
  readonly work: Work
  readonly priority: Priority
  readonly policy: Policy
  readonly camera: string | undefined
  readonly heavy: boolean
  readonly sinceTickMs: number
  readonly settle: (answer: Answer) => void
  readonly leave: () => void
  /** Until its deadline, once it really waits. */
  timer: Timer | undefined
  isReleased: boolean
}

export function openAdmission({ waitingMax, engines, atOnce, runMs, metrics }: AdmissionNeeds): Admission {
  const queue = createWorkQueue<Item>()
  const pressure = createPressure()
  let longestMs = 0
  let heavyRunning = 0

  return {
    submit: (work) => {
      const sinceTickMs = nowTickMs()
      if (work.signal?.aborted === true) return Promise.resolve(counted({ kind: "abandoned" }))
      if (sinceTickMs >= work.deadlineTickMs) return Promise.resolve(counted({ kind: "expired", retryAfterS: retryAfterS() }))
      return new Promise((settle) => {
        const item: Item = {
          work,
          priority: work.priority ?? "interactive",
          policy: work.policy ?? "reject",
          camera: work.camera,
          heavy: (claimedPx(work.picture) ?? 0) >= heavyPxMin,
          sinceTickMs,
          settle,
          leave: () => takeOut(item, { kind: "abandoned" }),
          timer: undefined,
          isReleased: false,
        }
        admit(item)
        // Mostly an engine is free and takes it at once: then nobody has to watch over it.
        queueMicrotask(() => watchOver(item))
      })
    },

    take: () => {
      const item = queue.take(heavyRunning < Math.max(1, engines() - 1))
      if (item === undefined) return undefined
      if (item.heavy) heavyRunning += 1
      metrics.engineQueue.set(queue.length)
      const waitMs = nowTickMs() - item.sinceTickMs
      longestMs = Math.max(longestMs, waitMs)
      release(item)
      const { work, heavy } = item
      const settle = (answer: Answer) => {
        if (item.heavy) heavyRunning -= 1
        item.settle(answer)
      }
      const lighter = work.policy === "degrade" && work.options.detectorInput !== "small" && isPressing(item, waitMs)
      return lighter
        ? { work, options: { ...work.options, detectorInput: "small" }, degraded: ["detectorInput"], waitMs, heavy, settle }
        : { work, options: work.options, degraded: [], waitMs, heavy, settle }
    },

    refuseAll: (why, retryAfterS) => {
      for (const item of queue.shorten(0)) refuse(item, { kind: "unavailable", retryAfterS, why })
      metrics.engineQueue.set(0)
    },

    get waiting() {
      return queue.length
    },

    longestWaitMs: () => {
      const nowMs = nowTickMs()
      const answer = queue.items().reduce((longest, { sinceTickMs }) => Math.max(longest, nowMs - sinceTickMs), longestMs)
      longestMs = 0
      return answer
    },
  }

  function watchOver(item: Item) {
    if (item.isReleased) return
    if (item.work.signal?.aborted === true) return item.leave()
    item.timer = setTimeout(() => expire(item), item.work.deadlineTickMs - nowTickMs())
    item.work.signal?.addEventListener("abort", item.leave, { once: true })
  }

  function admit(item: Item) {
    const lengthMax = pressure.isOn(item.sinceTickMs) ? shortLine() : waitingMax
    const admittance = queue.admit(item, lengthMax)
    metrics.engineQueue.set(queue.length)
    switch (admittance.kind) {
      case "admitted":
        return
      case "replaced":
        return refuse(admittance.older, { kind: "superseded", retryAfterS: retryAfterS() })
      case "displaced":
        refuse(admittance.oldest, { kind: "superseded", retryAfterS: retryAfterS() })
        return press()
      case "full":
        refuse(item, { kind: "overloaded", retryAfterS: retryAfterS() })
        return press()
      default:
        return unreachable(admittance)
    }
  }

  /** Somebody found no room or waited in vain. */
  function press() {
    const tickMs = nowTickMs()
    const wasOn = pressure.isOn(tickMs)
    pressure.turnedAway(tickMs)
    if (wasOn || !pressure.isOn(tickMs)) return
    for (const item of queue.shorten(shortLine())) refuse(item, { kind: "overloaded", retryAfterS: retryAfterS() })
    metrics.engineQueue.set(queue.length)
  }

  /** Enough to keep the engines busy while new work comes all the time; whoever waits, waits for half a run on the average. */
  function shortLine(): number {
    return Math.min(waitingMax, Math.max(1, Math.ceil(atOnce() / 2)))
  }

  function isPressing({ work, sinceTickMs }: Item, waitMs: number): boolean {
    const budgetMs = work.deadlineTickMs - sinceTickMs
    return waitMs > budgetMs / 2 || queue.length > waitingMax / 2 || pressure.isOn(nowTickMs())
  }

  function expire(item: Item) {
    takeOut(item, { kind: "expired", retryAfterS: retryAfterS() })
    press()
  }

  function takeOut(item: Item, answer: Refusal) {
    if (!queue.remove(item)) return
    metrics.engineQueue.set(queue.length)
    refuse(item, answer)
  }

  function refuse(item: Item, answer: Refusal) {
    release(item)
    item.settle(counted(answer))
  }

  function release(item: Item) {
    item.isReleased = true
    if (item.timer === undefined) return
    clearTimeout(item.timer)
    item.work.signal?.removeEventListener("abort", item.leave)
  }

  function counted(answer: Refusal): Refusal {
    metrics.refusedTotal.inc({ reason: answer.kind })
    return answer
  }

  /** Whole seconds until the line as it stands has been worked off. */
  function retryAfterS(): number {
    return Math.max(1, Math.ceil((queue.length * runMs()) / Math.max(1, atOnce()) / 1000))
  }
}
