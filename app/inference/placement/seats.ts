import { readFileSync } from "node:fs"
import { formatCpuList, parseCpuList } from "./cpu-list.ts"
import type { Plan } from "./plan.ts"
import type { Refusals, Scheduler } from "./scheduler.ts"

/** Where one engine runs: taken when it is first started, kept over its restarts, given back when it is let go for good. */
export interface Seat {
  /** Its threads may wait by spinning: nobody else of ours computes on its cores. Known once it was started there. */
  readonly spinning: boolean
  /** Starts a process that is here from its first moment, with every thread it will ever have. */
  start<Value>(spawn: () => Value): Value
  leave(): void
}

export interface Seats {
  /** The first free one; when all are taken, the one with the fewest engines. */
  take(): Seat
}

/** An engine that may run anywhere, as the kernel sees fit. */
export const anywhere: Seats = {
  take: () => ({ spinning: false, start: (spawn) => spawn(), leave: () => undefined }),
}

/**
 * The places of a plan for all engines of the box, of however many model sets.
 * @param threads of one engine; a single one has nobody to wait for by spinning
 * @param refused told once what the kernel does not allow
 */
export function openSeats(
  { places, exclusive }: Pick<Plan, "places" | "exclusive">,
  threads: number,
  scheduler: Scheduler,
  refused: (refusals: Refusals) => void,
): Seats {
  const occupied = places.map((place) => ({ place, engines: 0 }))
  const told = new Set<string>()

  function tell(refusals: Refusals) {
    const fresh = refusals.filter((refusal) => !told.has(refusal))
    for (const refusal of fresh) told.add(refusal)
    if (fresh.length > 0) refused(fresh)
  }

  return {
    take() {
      const taken = occupied.reduce((best, other) => (other.engines < best.engines ? other : best))
      taken.engines++
      const alone = exclusive && threads > 1 && taken.engines === 1
      let [onCpus, left] = [false, false]
      return {
        get spinning() {
          return alone && onCpus
        },
        start(spawn) {
          const placed = scheduler.within(taken.place, spawn)
          onCpus = placed.onCpus
          tell(placed.refusals)
          return placed.value
        },
        leave() {
          if (!left) taken.engines--
          left = true
        },
      }
    },
  }
}

/** Where a process may run now, as the kernel says it, in the kernel's form; `undefined` when it is gone. */
export function cpusOf(pid: number): string | undefined {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    const cpus = list === undefined ? undefined : parseCpuList(list)
    return cpus === undefined ? undefined : formatCpuList(cpus)
  } catch {
    // Its end is reported elsewhere.
    return undefined
  }
}
