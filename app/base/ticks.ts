/** Monotonic milliseconds: for deadlines and durations, never for the record. Wall time is `Date.now()`, ending in `AtMs`. */
export function nowTickMs(): number {
  return performance.now()
}

/** Milliseconds since a tick, rounded to a hundredth: the resolution people read. */
export function elapsedMs(sinceTickMs: number): number {
  return Math.round((performance.now() - sinceTickMs) * 100) / 100
}
