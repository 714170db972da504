import { nowTickMs } from "../../base/ticks.ts"
import type { Unreachable, Written } from "../hub.ts"

/** One text at the hub, with compare-and-set. */
export interface LeaseStore {
  read(): Promise<
    { readonly kind: "found"; readonly revision: number; readonly holder: string } | { readonly kind: "none" } | Unreachable
  >
  /** @param expected the revision it replaces; 0 for the first */
  write(holder: string, expected: number): Promise<Written | Unreachable>
}

/**
 * Who holds the janitor's role: one box at a time, and another one some time after the holder was heard of last.
 *
 * No clock is compared with another's. The holder writes at intervals; somebody else takes over when it has seen one revision for the
 * whole time on its own monotonic clock. It began to count after the holder had written, so the holder, counting from before it
 * wrote, gives up first. Should two hold it all the same, after a suspended machine wakes up, both do the same and no harm.
 */
export interface LeaseOptions {
  /** Names this process: a box that starts anew is another holder. */
  readonly holder: string
  readonly leaseMs: number
  readonly nowMs?: () => number
}

export type LeaseStep =
  | { readonly kind: "held" }
  | { readonly kind: "other" }
  | Unreachable
  | { readonly kind: "refused"; readonly why: string }

/** The holder counts on less than others allow it: clocks may run at different speed. */
const heldShare = 0.75

export function createLease(store: LeaseStore, { holder, leaseMs, nowMs = nowTickMs }: LeaseOptions) {
  let held: { readonly revision: number; readonly sinceMs: number } | undefined
  let seen: { readonly revision: number; readonly sinceMs: number } | undefined

  async function take(expected: number): Promise<LeaseStep> {
    const askedAtMs = nowMs()
    const written = await store.write(holder, expected)
    if (written.kind === "unreachable" || written.kind === "refused") return written
    held = written.kind === "written" ? { revision: written.sequence, sinceMs: askedAtMs } : undefined
    return held === undefined ? { kind: "other" } : { kind: "held" }
  }

  return {
    /** Whether this box may act now; asked again before each act. */
    isHeld: () => held !== undefined && nowMs() - held.sinceMs < leaseMs * heldShare,

    /** Renews, takes over, or looks on: to be called several times within the lease. */
    async step(): Promise<LeaseStep> {
      const found = await store.read()
      if (found.kind === "unreachable") return found
      if (found.kind === "none") return take(0)
      // Also when an answer was lost after the hub had taken it.
      if (found.holder === holder) return take(found.revision)
      held = undefined
      if (found.holder === "") return take(found.revision)
      if (seen?.revision !== found.revision) seen = { revision: found.revision, sinceMs: nowMs() }
      return nowMs() - seen.sinceMs >= leaseMs ? take(found.revision) : { kind: "other" }
    },

    /** So that another box need not wait. */
    async resign(): Promise<void> {
      const last = held
      held = undefined
      if (last !== undefined) await store.write("", last.revision)
    },
  }
}
