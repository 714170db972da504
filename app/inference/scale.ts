/** How many engines there should be. One step a second; what it decides on is given to it, so it can be asked about any day. */

export interface ScaleLimits {
  readonly enginesMin: number
  readonly enginesMax: number
  /** Work that waits this long for an engine asks for another one. */
  readonly growWaitMs: number
  /** An engine that was not needed for so long is given up. */
  readonly idleMs: number
}

/** The box as it is now. */
export interface ScaleView {
  readonly tickMs: number
  /** Engines that serve, or will as soon as they are loaded; not those that are leaving. */
  readonly engines: number
  /** Of these, the ones that take work now. */
  readonly ready: number
  /** The most that worked at once since the last step. */
  readonly busyMax: number
  /** The longest that work waited since the last step. */
  readonly waitMs: number
  /** What programs could still be given without swapping. */
  readonly memoryFreeBytes: number
  /** The resident memory of the largest engine. */
  readonly engineBytes: number
}

export type ScaleDecision =
  /** `why` says what keeps an engine from being added that is wanted. */
  | { readonly kind: "stay"; readonly why?: string }
  | { readonly kind: "grow"; readonly reason: "wait"; readonly why: string }
  | { readonly kind: "retire"; readonly reason: "idle" | "memory"; readonly why: string }

export interface Scaler {
  step(view: ScaleView): ScaleDecision
}

/** A burst is over sooner than a new engine is loaded; only waits that last so long ask for one. */
const waitLastsMs = 3000
/** After an engine was added, its effect is awaited before the next. */
const effectMs = 5000
/** Left to the operating system, to the gallery and to pictures larger than those seen so far. */
const memoryReserveBytes = 512 * 1024 * 1024

export function createScaler({ enginesMin, enginesMax, growWaitMs, idleMs }: ScaleLimits): Scaler {
  let waitsSinceTickMs: number | undefined
  let spareSinceTickMs: number | undefined
  let grownTickMs = Number.NEGATIVE_INFINITY

  function wantsMore({ tickMs, engines, ready, waitMs }: ScaleView): boolean {
    waitsSinceTickMs = waitMs > growWaitMs ? (waitsSinceTickMs ?? tickMs) : undefined
    const lasts = waitsSinceTickMs !== undefined && tickMs - waitsSinceTickMs >= waitLastsMs
    // While one is still loading, or is down, the wait says nothing about how many are needed.
    return lasts && ready === engines && engines < enginesMax && tickMs - grownTickMs >= effectMs
  }

  function hasSpare({ tickMs, engines, ready, busyMax }: ScaleView): boolean {
    const spare = engines > enginesMin && ready === engines && busyMax < engines
    spareSinceTickMs = spare ? (spareSinceTickMs ?? tickMs) : undefined
    return spareSinceTickMs !== undefined && tickMs - spareSinceTickMs >= idleMs
  }

  return {
    step(view) {
      const { tickMs, engines, waitMs, memoryFreeBytes, engineBytes } = view
      const more = wantsMore(view)
      const spare = hasSpare(view)
      if (more) {
        const neededBytes = engineBytes + memoryReserveBytes
        if (memoryFreeBytes < neededBytes)
          return {
            kind: "stay",
            why: `work waits, but ${toMb(memoryFreeBytes)} MB of memory are free and an engine needs ${toMb(neededBytes)} MB`,
          }
        grownTickMs = tickMs
        waitsSinceTickMs = undefined
        return {
          kind: "grow",
          reason: "wait",
          why: `for ${waitLastsMs / 1000} s work has waited more than ${growWaitMs} ms, lately ${Math.round(waitMs)} ms`,
        }
      }
      if (engines > enginesMin && memoryFreeBytes < memoryReserveBytes / 2)
        return { kind: "retire", reason: "memory", why: `${toMb(memoryFreeBytes)} MB of memory are free` }
      if (spare) {
        spareSinceTickMs = undefined
        return {
          kind: "retire",
          reason: "idle",
          why: `for ${Math.round(idleMs / 1000)} s no more than ${engines - 1} worked at once`,
        }
      }
      return { kind: "stay" }
    },
  }
}

function toMb(bytes: number): number {
  return Math.round(bytes / 1_000_000)
}
