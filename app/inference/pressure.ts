/**
 * Whether more comes in than the engines can do, for longer than a burst.
 *
 * A long line serves a burst well: everybody is answered, a little later. Under lasting overload the same line makes every
 * answer as late as the line is long and answers nobody more, so then it is kept short: those who are let in are answered as
 * fast as ever, and the others are told at once.
 */
export interface Pressure {
  /** A caller was turned away, or waited in vain. */
  turnedAway(tickMs: number): void
  isOn(tickMs: number): boolean
}

/** So long callers are turned away without a pause before it is no burst any more: the line of a burst takes no longer to fill. */
const lastingMs = 150
/** Refusals further apart than this are no stream of them. */
const pauseMs = 100
/** A line kept short turns somebody away now and then at an ordinary load too; nobody for so long says that the overload is over. */
const calmMs = 500

export function createPressure(): Pressure {
  let firstTickMs = Number.NEGATIVE_INFINITY
  let lastTickMs = Number.NEGATIVE_INFINITY
  let on = false

  function isOn(tickMs: number): boolean {
    if (on && tickMs - lastTickMs > calmMs) on = false
    return on
  }

  return {
    turnedAway(tickMs) {
      if (!isOn(tickMs) && tickMs - lastTickMs > pauseMs) firstTickMs = tickMs
      lastTickMs = tickMs
      on ||= tickMs - firstTickMs >= lastingMs
    },
    isOn,
  }
}
