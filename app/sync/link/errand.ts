import type { Stream, Unreachable } from "../hub.ts"
import type { LinkHub } from "./hub.ts"

/** Something else than a round that a box does at the hub now and then, while there is a line. */
export interface Errand {
  readonly name: string
  /** How long after the last time it is done again without a reason. */
  readonly everyMs: number
  /** What another box writes here is a reason. */
  readonly stream?: Stream
  /**
   * `before` the round, which may need what it brings (keys, members); `after` it; or `beside` the rounds, for what takes long: it
   * gets a hub of its own, and is not begun again before it has ended.
   */
  readonly when: When
  run(hub: LinkHub): Promise<Ran>
  /** Before the box leaves: for what others would wait for. */
  leave?(): Promise<void>
}

export type When = "before" | "after" | "beside"

export type Ran =
  /** With `readsAgain`, the round after it reads all streams: what lies there is to be looked at once more. */
  | { readonly kind: "done"; readonly readsAgain?: boolean }
  /** It is not to be had so; to be tried again no sooner than usual. Told to whoever looks. */
  | { readonly kind: "failed"; readonly why: string; readonly readsAgain?: boolean }
  | Unreachable

/**
 * One that got no answer is tried again so soon: what it asks for may be without a leader for a while, and others not. It waits for
 * that answer 2 s each time, and the rounds with it.
 */
const retryMs = 3000

/** When errands are due, each by itself. */
export function createErrandPlan(errands: readonly Errand[], nowTickMs: () => number) {
  const ranTickMs = new Map<Errand, number>()
  const dueInMs = (errand: Errand) => errand.everyMs - (nowTickMs() - (ranTickMs.get(errand) ?? Number.NEGATIVE_INFINITY))
  return {
    due: (when: When): readonly Errand[] => errands.filter((errand) => errand.when === when && dueInMs(errand) <= 0),
    /** Told before it runs: what is heard while it does is a reason to run it once more. */
    begins: (errand: Errand): void => {
      ranTickMs.set(errand, nowTickMs())
    },
    unanswered: (errand: Errand): void => {
      ranTickMs.set(errand, nowTickMs() - Math.max(0, errand.everyMs - retryMs))
    },
    /** It is due at once. */
    again: (errand: Errand): void => void ranTickMs.delete(errand),
    /** All are due: the line is a new one. */
    allDue: (): void => ranTickMs.clear(),
    heard: (stream: Stream): void => {
      for (const errand of errands) if (errand.stream === stream) ranTickMs.delete(errand)
    },
    nextInMs: (): number => Math.min(...errands.map(dueInMs), Number.POSITIVE_INFINITY),
  }
}
