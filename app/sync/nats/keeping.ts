import { nowTickMs } from "../../base/ticks.ts"
import type { Unreachable } from "../hub.ts"
import type { createJanitor } from "../janitor.ts"
import type { createLease } from "./lease.ts"

/** What a box does for the hub when it is the janitor: a marker every minute, and now and then a pass over all records. */
export interface KeepingNeeds {
  readonly lease: ReturnType<typeof createLease>
  readonly janitor: ReturnType<typeof createJanitor>
  readonly markMs: number
  readonly sweepMs: number
  /** How many erasures this box holds: after another one a pass comes sooner, when markers vouch for it. */
  readonly erasures?: () => number
  readonly nowMs?: () => number
}

export type Kept =
  /** Another box is the janitor. */
  | { readonly kind: "other" }
  | { readonly kind: "kept"; readonly marked: boolean; readonly removed: number }
  | { readonly kind: "unsteady" }
  | { readonly kind: "refused"; readonly why: string }
  | Unreachable

/** After an erasure so many markers' time: one is written, the box has read it, and the hub has it still. */
const provedMarks = 2.5

export function createKeeping({ lease, janitor, markMs, sweepMs, erasures = () => 0, nowMs = nowTickMs }: KeepingNeeds) {
  let markedAtMs = Number.NEGATIVE_INFINITY
  let sweptAtMs = nowMs()
  let erasuresSeen: number | undefined
  let erasedAtMs: number | undefined

  function isSweepDue(): boolean {
    const present = erasures()
    if (erasuresSeen !== undefined && present !== erasuresSeen) erasedAtMs ??= nowMs()
    erasuresSeen = present
    if (nowMs() - sweptAtMs >= sweepMs) return true
    return erasedAtMs !== undefined && nowMs() - erasedAtMs >= provedMarks * markMs
  }

  return {
    /** One step: several times within the lease. */
    async step(): Promise<Kept> {
      const stepped = await lease.step()
      if (stepped.kind === "other") return { kind: "other" }
      if (stepped.kind !== "held") return stepped
      const isMarkDue = nowMs() - markedAtMs >= markMs
      if (isMarkDue) {
        const marked = await janitor.mark()
        if (marked.kind === "unreachable") return marked
        markedAtMs = nowMs()
      }
      // A pass may outlast the lease; what two boxes remove at a time is the same.
      if (!isSweepDue() || !lease.isHeld()) return { kind: "kept", marked: isMarkDue, removed: 0 }
      // What is erased during the pass is for the next one.
      erasedAtMs = undefined
      const swept = await janitor.sweep(0)
      if (swept.kind !== "swept") return swept
      sweptAtMs = nowMs()
      return { kind: "kept", marked: isMarkDue, removed: swept.removed }
    },
  }
}
