import { availableParallelism } from "node:os"
import type { Log } from "../../base/log.ts"
import type { Result } from "../../base/result.ts"
import type { InferenceOptions } from "../options.ts"
import { formatCpuList } from "./cpu-list.ts"
import { type PlacementWish, planPlacement } from "./plan.ts"
import { anywhere, openSeats, type Seats } from "./seats.ts"
import { readAllowed, readTopology, type Topology } from "./topology.ts"

/** Where the engines of a box run. */
export interface Placement {
  readonly seats: Seats
  /** At least and at most so many engines of one model set. */
  readonly enginesMin: number
  readonly enginesMax: number
  status(): PlacementStatus
}

export interface PlacementStatus {
  readonly affinity: InferenceOptions["affinity"]
  /** Processors that this process may use, as the kernel writes lists: `0-3,8`. */
  readonly cpus: string
  readonly cores: number
  readonly numaNodes: number
  /** What is otherwise than was wished for: refused by the kernel, or not to be had on this machine. */
  readonly notes: readonly string[]
}

type Wished = Pick<InferenceOptions, "affinity" | "threadsPerEngine" | "engines" | "enginesMin" | "enginesMax">

/** Engines run where the kernel sees fit. */
export function unplaced(options: Wished, log?: Pick<Log, "warn">): Placement {
  const processors = availableParallelism()
  const { enginesMin, enginesMax, threadsPerEngine } = wishOf(options, processors)
  const threads = enginesMin * threadsPerEngine
  const crowded = `${threads} computing threads for ${processors} processors wait for each other: set fewer inference.engines or threadsPerEngine`
  const notes = threads > processors ? [crowded] : []
  for (const note of notes) log?.warn(note)
  // Nobody needs to know at a start what lies where.
  let known: PlacementStatus | undefined
  const status = () => {
    known ??= statusOf("none", thisMachine(), notes)
    return known
  }
  return { enginesMin, enginesMax, seats: anywhere, status }
}

/**
 * Finds the places on this machine. A number of engines or threads that it has no cores for is refused with the remedy, where each
 * engine was to have its own.
 */
export async function openPlacement(
  options: Wished,
  log: Pick<Log, "info" | "warn">,
  given?: Topology,
): Promise<Result<Placement>> {
  const { affinity } = options
  if (affinity === "none") return { kind: "ok", value: unplaced(options, log) }
  const notes: string[] = []
  const note = (text: string) => {
    notes.push(text)
    log.warn({ affinity }, text)
  }
  const anyhow = (why: string): Result<Placement> => {
    note(`engines run anywhere: ${why}`)
    return { kind: "ok", value: { ...unplaced(options, log), status } }
  }
  const machine = given ?? thisMachine()
  const status = () => statusOf(affinity, machine, notes)
  if (machine === undefined) return anyhow("the system does not tell which processors there are")

  const wish = wishOf(options, cpusIn(machine).length)
  const planned = planPlacement(machine, { ...wish, affinity })
  if (planned.kind === "failed") return planned
  const { places } = planned.value
  for (const text of planned.value.notes) note(text)
  // Only who asks for it loads what asks the kernel.
  const { openScheduler } = await import("./scheduler.ts")
  const scheduler = openScheduler()
  if (scheduler.kind === "failed") return anyhow(scheduler.why)
  const seats = openSeats(planned.value, wish.threadsPerEngine, scheduler.value, (refusals) =>
    note(`the kernel does not let engines be placed (${refusals.join("; ")}): they run where it sees fit`),
  )
  log.info({ affinity, places: places.map(({ cpus }) => formatCpuList(cpus)) }, "engines have their places")
  const atMost = (engines: number) => Math.min(engines, places.length)
  const counts = { enginesMin: atMost(wish.enginesMin), enginesMax: atMost(wish.enginesMax) }
  return { kind: "ok", value: { ...counts, seats, status } }
}

function thisMachine(): Topology | undefined {
  const allowed = readAllowed()
  return allowed && readTopology(allowed)
}

function cpusIn({ cores }: Topology): number[] {
  return cores.flatMap(({ cpus }) => cpus)
}

function statusOf(affinity: PlacementStatus["affinity"], machine: Topology | undefined, notes: readonly string[]) {
  const cores = machine?.cores ?? []
  const cpus = formatCpuList(machine === undefined ? [] : cpusIn(machine))
  return { affinity, cpus, cores: cores.length, numaNodes: new Set(cores.map(({ node }) => node)).size, notes: [...notes] }
}

/** How many engines there may be, at least and at most, for so many processors. */
function wishOf(
  { engines, enginesMin, enginesMax, threadsPerEngine }: Wished,
  processors: number,
): Omit<PlacementWish, "affinity"> {
  if (engines !== "auto") return { enginesMin: engines, enginesMax: engines, threadsPerEngine, exactly: true }
  const room = Math.max(1, Math.floor(processors / threadsPerEngine))
  return { enginesMin: Math.min(enginesMin, room), enginesMax: Math.min(enginesMax, room), threadsPerEngine, exactly: false }
}
