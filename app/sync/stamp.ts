/**
 * A point in the order of an entity's versions: wall clock in 1/1024 ms, pushed above the version that is overwritten. A clock that
 * is 400 days ahead cannot win against an edit that was made after seeing its version, and harms no other entity. Only edits that
 * knew nothing of each other go by clock.
 *
 * There is no memory of one's own last stamp beside it: after a moment with a wrong clock it would keep all later stamps of the box
 * in the future, and within an entity the version overwritten does the same.
 */
export type Stamp = number

const perMs = 1024

/** In the year 2248; above it numbers are no longer exact. Each version above takes one, so no honest box comes near. */
export const stampMax: Stamp = 2 ** 53 - 1
/** In the year 2105: a clock that says more is not believed, which leaves room for 2^52 versions above it. */
const clockMax: Stamp = 2 ** 52

/**
 * @param wallMs the box's clock, whatever it says
 * @param overwritten the stamp of the version that the new one replaces
 */
export function nextStamp(wallMs: number, overwritten: Stamp | undefined): Stamp {
  const clock = Math.min(clockMax, Math.max(0, Math.floor(wallMs * perMs)))
  return overwritten === undefined ? clock : Math.max(clock, overwritten + 1)
}

/** Stamps of foreign records above it are refused: nothing could be written over them. */
export const stampAcceptedMax: Stamp = stampMax - 2 ** 40

export function stampMs(stamp: Stamp): number {
  return stamp / perMs
}

/** One box's clock may differ from another's by so much before a person is asked about its records. */
const aheadMaxMs = 24 * 3600 * 1000

/** Whether the record claims to be written later than tomorrow: it counts, and is listed. */
export function isFromTheFuture(stamp: Stamp, wallMs: number): boolean {
  return stampMs(stamp) > wallMs + aheadMaxMs
}
