import type { Store } from "../store/store.ts"

/** No box of ours ran before this day: a clock that says so was never set (small boxes have no battery, and begin at 1970). */
export const firstDayMs = Date.UTC(2026, 0, 1)

/** A box that was off for a month has caught up after a day and a quarter; a clock that leaps ten years ages nothing by more. */
const catchUpRate = 24

/** The time is written down again when it has gone on by so much: as often as it matters, not with every look. */
const savedEveryMs = 10 * 60_000

export type TrustedTime =
  | { readonly kind: "trusted"; readonly atMs: number; readonly firstMs: number }
  /** The wall clock has not been set yet. */
  | { readonly kind: "not_set" }

/**
 * The time by which the age of records is judged. The wall clock alone would wipe the record with one leap forward. This one
 * follows it, over restarts too, but at most 24 times as fast as time passes; it never goes back, and never runs ahead of the
 * wall clock. So a wrong clock costs one day's worth of old records for each hour in which nobody mends it, and time in which
 * the box was off is made up for at the same rate.
 */
export function openTrustedClock(store: Store): (nowMs: number, tickMs: number) => TrustedTime {
  const select = store.prepare<{ atMs: number | null }>("select trusted_at_ms as atMs from sighting_totals")
  const update = store.prepare("update sighting_totals set trusted_at_ms = ?")
  let savedMs = select.get()?.atMs ?? undefined
  let reachedMs = savedMs
  let lastTickMs: number | undefined

  return (nowMs, tickMs) => {
    const passedMs = tickMs - (lastTickMs ?? tickMs)
    lastTickMs = tickMs
    if (nowMs < firstDayMs) return { kind: "not_set" }
    reachedMs = Math.max(reachedMs ?? nowMs, Math.min(nowMs, (reachedMs ?? nowMs) + catchUpRate * passedMs))
    if (savedMs === undefined || reachedMs - savedMs >= savedEveryMs) {
      const atMs = Math.round(reachedMs)
      store.transact<number>(() => update.run(atMs))
      savedMs = atMs
    }
    return { kind: "trusted", atMs: Math.min(nowMs, reachedMs), firstMs: firstDayMs }
  }
}
