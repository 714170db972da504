import { nowTickMs } from "../base/ticks.ts"

/** When the next piece of a graph is built: many changes in a row become one piece, and the box has its cores for what comes. */
export interface BuildRest {
  /** Something was added or removed. @param waiting how many faces the graph has not got by now */
  changed(waiting: number): void
  /** Nothing new, and yet there is something to build. */
  again(): void
  close(): void
}

export interface RestClock {
  nowTickMs(): number
  /** @returns what calls it off */
  after(ms: number, look: () => void): () => void
}

/** It begins when nothing came for so long … */
export const buildRestMs = 1000
/** … or when the first has waited so long, */
export const buildWaitMsMax = 30_000
/** or so many do, which are compared in less than a millisecond. */
export const buildWaitingMax = 50_000

export function createBuildRest(build: () => void, { nowTickMs, after }: RestClock = clock): BuildRest {
  let callOff: (() => void) | undefined
  let dueTickMs = 0

  function again(): void {
    if (callOff !== undefined) return
    const lastTickMs = nowTickMs() + buildWaitMsMax
    const look = () => {
      const inMs = Math.min(dueTickMs, lastTickMs) - nowTickMs()
      callOff = inMs > 0 ? after(inMs, look) : undefined
      if (callOff === undefined) build()
    }
    callOff = after(buildRestMs, look)
  }

  return {
    changed(waiting) {
      dueTickMs = nowTickMs() + (waiting < buildWaitingMax ? buildRestMs : 0)
      again()
    },
    again,
    close: () => callOff?.(),
  }
}

const clock: RestClock = {
  nowTickMs,
  after(ms, look) {
    const timer = setTimeout(look, ms)
    return () => clearTimeout(timer)
  },
}
