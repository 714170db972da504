/** What a limit needs of the world, so that it can be tried out without waiting. */
export interface PaceNeeds {
  /** Rising, in milliseconds. */
  readonly nowTickMs: () => number
  readonly sleepMs: (ms: number) => Promise<void>
}

/**
 * So many records a second, for catching up: a box that comes back after weeks leaves the line to others, and its disk to the
 * doors. After a pause a second's worth goes at once. One asks at a time.
 * @param perSecondMax `undefined` for no limit
 */
export function createPace(
  perSecondMax: number | undefined,
  { nowTickMs, sleepMs }: PaceNeeds,
): (records: number) => Promise<void> {
  if (perSecondMax === undefined) return () => Promise.resolve()
  /** When all that was let through so far would have gone at the limit. */
  let paidTickMs = nowTickMs()
  return async (records) => {
    const now = nowTickMs()
    paidTickMs = Math.max(paidTickMs, now - 1000) + (records / perSecondMax) * 1000
    if (paidTickMs > now) await sleepMs(paidTickMs - now)
  }
}
