import { whyShrunken } from "./box.ts"
import type { GalleryStream, Unreachable } from "./hub.ts"
import { type Pulled, type PullNeeds, pullNew, pullVerified } from "./pull.ts"
import { type Pushed, type PushNeeds, push } from "./push.ts"

/**
 * The talk of a box with the hub, in rounds: erasures first, in and out, then everything else. A round may end anywhere, by a crash
 * or a cut line, and the next one goes on. There is one at a time on a box; the gallery is used meanwhile. It has no clock, no
 * network and no randomness of its own: what it needs is handed in.
 */
export type SessionNeeds = PullNeeds & PushNeeds

export type Round =
  | {
      readonly kind: "done"
      /** Records this box did not know. */
      readonly applied: number
      readonly stored: number
      readonly offeredAgain: number
      readonly refused: number
      /** What the hub does not take, or what lies where it cannot be read. */
      readonly withheld: number
    }
  /** The box is not in order; nothing was sent or received. */
  | { readonly kind: "stopped"; readonly why: string }
  | Unreachable

/** Hubs that keep losing their end while they are read are given up on, for this round. */
const unsteadyMax = 5

const order: readonly GalleryStream[] = ["erasures", "records"]

export interface RoundOptions {
  /**
   * Asks what the hub has lost: at each connection, and then about as often as markers are written. In between a round only reads
   * what is new. A box that was restored always verifies.
   */
  readonly verify: boolean
  /** Which streams are read, when it does not verify: a hub that tells of what is new need not be asked. All when not said. */
  readonly reads?: ReadonlySet<GalleryStream>
}

export async function round(needs: SessionNeeds, { verify, reads }: RoundOptions): Promise<Round> {
  const state = needs.box.transact((tables) => ({ why: whyShrunken(tables.counts()), must: tables.mustReadErasures() }))
  if (state.why !== undefined) return { kind: "stopped", why: state.why }
  const sum = { applied: 0, stored: 0, offeredAgain: 0, refused: 0, withheld: 0 }
  for (const stream of order) {
    if (verify || state.must || reads?.has(stream) !== false) {
      const pulled = await pull(needs, stream, verify || state.must)
      if (pulled.kind === "unreachable") return pulled
      if (pulled.kind === "unsteady")
        return { kind: "unreachable", why: `the hub lost the end of ${stream} ${unsteadyMax} times while it was read` }
      if (stream === "erasures" && state.must) needs.box.transact((tables) => tables.setErasuresRead())
      sum.applied += pulled.applied
      sum.offeredAgain += pulled.offeredAgain
      sum.refused += pulled.refused
    }
    const pushed: Pushed = await push(needs, stream)
    if (pushed.kind === "unreachable") return pushed
    sum.stored += pushed.stored
    sum.withheld += pushed.withheld
  }
  return { kind: "done", ...sum }
}

async function pull(needs: SessionNeeds, stream: GalleryStream, verify: boolean): Promise<Pulled> {
  for (let tries = 1; ; tries++) {
    const pulled = await (verify ? pullVerified(needs, stream) : pullNew(needs, stream))
    if (pulled.kind !== "unsteady" || tries === unsteadyMax) return pulled
  }
}
