import type { Result } from "../../base/result.ts"
import { formatCpuList } from "./cpu-list.ts"
import type { Core, Topology } from "./topology.ts"

export interface PlacementWish {
  /** `cores`: each engine has cores of its own. `numa`: each has one NUMA node, its cores and its memory. */
  readonly affinity: "cores" | "numa"
  readonly threadsPerEngine: number
  /** With fewer places than this they are made smaller, and with `exactly` the wish is refused. */
  readonly enginesMin: number
  readonly enginesMax: number
  /** The number of engines was given, and none may be missing. */
  readonly exactly: boolean
}

/** A place for one engine. */
export interface Place {
  readonly cpus: readonly number[]
  /** Where its memory should come from; absent on a machine with one kind of memory. */
  readonly memoryNode?: number | undefined
}

export interface Plan {
  /** In the order in which they are to be taken: neighbours lie on different nodes. */
  readonly places: readonly Place[]
  /** Nobody else of ours computes there: no other engine has a processor of these cores, and the parent has a core elsewhere. */
  readonly exclusive: boolean
  /** What came out otherwise than one would think, for whoever set it up. */
  readonly notes: readonly string[]
}

/** What gets one thread: a whole core, or one processor of it. */
type Unit = Pick<Core, "cpus" | "node">

/** Where engines go on a machine. A wish that the machine cannot fulfil is refused with the remedy. */
export function planPlacement({ cores, memoryNodes }: Topology, wish: PlacementWish): Result<Plan> {
  const { affinity, threadsPerEngine, enginesMin, enginesMax } = wish
  const cpus = cores.flatMap((core) => core.cpus)
  const wholeCores = divide(cores, threadsPerEngine)
  const single = divide(
    cores.flatMap(({ cpus, node }) => cpus.map((cpu) => ({ cpus: [cpu], node }))),
    threadsPerEngine,
  )
  const whole = wholeCores.length >= enginesMin || wholeCores.length === single.length
  const divided = whole ? wholeCores : single
  if (divided.length < (wish.exactly ? enginesMin : 1)) return { kind: "failed", why: tooFew(wish, cores, cpus) }

  const notes: string[] = []
  if (!whole)
    notes.push(
      `${cores.length} cores are too few for ${enginesMin} engines: engines share cores, each with processors of its own`,
    )
  if (divided.some(({ nodes }) => nodes.length > 1))
    notes.push(`no NUMA node has ${threadsPerEngine} cores for the threads of one engine: engines lie across nodes`)
  const nodes = new Set(cores.map(({ node }) => node))
  if (affinity === "numa" && nodes.size === 1) notes.push("this machine has one NUMA node: every engine has all of it")
  const lacking = [...nodes].filter((node) => !memoryNodes.includes(node))
  if (nodes.size > 1 && lacking.length > 0)
    notes.push(`no memory of node ${formatCpuList(lacking)} may be used: its engines use what is nearest`)

  const places = divided.map(({ cpus, nodes: [node, ...others] }): Place => {
    const wide = affinity === "numa" ? cores.filter((core) => [node, ...others].includes(core.node)) : undefined
    const memoryNode = nodes.size > 1 && others.length === 0 && memoryNodes.includes(node) ? node : undefined
    return { cpus: wide === undefined ? cpus : wide.flatMap((core) => core.cpus).sort(rising), memoryNode }
  })
  const most = Math.min(enginesMax, places.length)
  const alone =
    affinity === "cores" || (most <= nodes.size && new Set(places.slice(0, most).map(({ cpus }) => cpus[0])).size === most)
  return { kind: "ok", value: { places, exclusive: whole && alone && most * threadsPerEngine < cores.length, notes } }
}

interface Share {
  readonly cpus: readonly number[]
  readonly nodes: readonly [number, ...number[]]
}

/** Shares of `size` units, each within one node as long as any node has so many; node by node in turn. */
function divide(units: readonly Unit[], size: number): Share[] {
  const byNode = [...Map.groupBy(units, ({ node }) => node)].sort(([a], [b]) => a - b)
  const within = byNode.map(([, own]) => chunks(own, size))
  if (within.every((own) => own.length === 0)) return chunks(units, size)
  const inTurn = Array.from({ length: Math.max(...within.map((own) => own.length)) }, (_, turn) => turn)
  return inTurn.flatMap((turn) => within.flatMap((own) => own[turn] ?? []))
}

function chunks(units: readonly Unit[], size: number): Share[] {
  return Array.from({ length: Math.floor(units.length / size) }, (_, index) => {
    const own = units.slice(index * size, (index + 1) * size)
    const [first, ...others] = [...new Set(own.map(({ node }) => node))]
    return { cpus: own.flatMap(({ cpus }) => cpus).sort(rising), nodes: [first!, ...others] as const }
  })
}

function tooFew(
  { affinity, threadsPerEngine, enginesMin, exactly }: PlacementWish,
  cores: readonly Core[],
  cpus: readonly number[],
) {
  const engines = exactly ? enginesMin : 1
  const perNode = [...Map.groupBy(cores, ({ node }) => node).values()].map((own) => own.flatMap((core) => core.cpus).length)
  const wholes = perNode.reduce((sum, count) => sum + Math.floor(count / threadsPerEngine), 0)
  return (
    `inference.affinity "${affinity}": ${engines} × threadsPerEngine ${threadsPerEngine} wants ${engines * threadsPerEngine} processors, ` +
    `and this process may use ${cpus.length} (${formatCpuList(cpus)})${perNode.length > 1 ? ` on ${perNode.length} NUMA nodes, room for ${wholes} engines` : ""}: ` +
    `set fewer inference.engines or threadsPerEngine, or affinity "none"`
  )
}

function rising(a: number, b: number): number {
  return a - b
}
