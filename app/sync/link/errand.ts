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
  | { readonly kind: "done" }
  /** It is not to be had so; to be tried again no sooner than usual. Told to whoever looks. */
  | { readonly kind: "failed"; readonly why: string }
  | Unreachable

/** When errands are due, each by itself. */
export function createErrandPlan(errands: readonly Errand[], nowTickMs: () => number) {
  const ranTickMs = new Map<Errand, number>()
  const dueInMs = (errand: Errand) => errand.everyMs - (nowTickMs() - (ranTickMs.get(errand) ?? Number.NEGATIVE_INFINITY))
  return {
    due: (when: When): readonly Errand[] => errands.filter((errand) => errand.when === when && dueInMs(errand) <= 0),
    ran: (errand: Errand): void => {
      ranTickMs.set(errand, nowTickMs())
    },
    /** All are due: the line is a new one. */
    allDue: (): void => ranTickMs.clear(),
    heard: (stream: Stream): void => {
      for (const errand of errands) if (errand.stream === stream) ranTickMs.delete(errand)
    },
    nextInMs: (): number => Math.min(...errands.map(dueInMs), Number.POSITIVE_INFINITY),
  }
}
