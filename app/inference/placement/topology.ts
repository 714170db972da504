import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseCpuList } from "./cpu-list.ts"

/** What computes by itself: one core, with the processors (hardware threads) of it that this process may use. */
export interface Core {
  readonly cpus: readonly number[]
  /** NUMA node; 0 where the machine has none. */
  readonly node: number
  /** As the kernel rates it against the machine's fastest (1024): boards mix quick cores and frugal ones. */
  readonly capacity: number
}

/** The part of the machine that this process may use. */
export interface Topology {
  /** The quick ones first, then by number. */
  readonly cores: readonly Core[]
  /** Nodes whose memory this process may use; empty where the kernel knows of none. */
  readonly memoryNodes: readonly number[]
}

/** What a process may use: its affinity, which is never more than what the cpuset of its cgroup leaves it. */
export interface Allowed {
  readonly cpus: readonly number[]
  readonly memoryNodes: readonly number[]
}

/** @param statusPath of the process, in the form of proc(5) */
export function readAllowed(statusPath = "/proc/self/status"): Allowed | undefined {
  const status = readOr(statusPath) ?? ""
  const listOf = (name: string) => parseCpuList(new RegExp(`^${name}:\\s*(\\S*)`, "m").exec(status)?.[1] ?? "")
  const cpus = listOf("Cpus_allowed_list")
  if (cpus === undefined || cpus.length === 0) return undefined
  return { cpus, memoryNodes: listOf("Mems_allowed_list") ?? [] }
}

/**
 * Reads which processors are one core and which cores are near which memory.
 * @param root of what the kernel tells of its devices (sysfs); what it does not tell is taken as the simplest there is
 */
export function readTopology({ cpus, memoryNodes }: Allowed, root = "/sys/devices/system"): Topology {
  const listAt = (path: string) => parseCpuList(readOr(join(root, path)) ?? "") ?? []
  const nodeOf = new Map<number, number>()
  for (const node of nodesIn(join(root, "node"))) for (const cpu of listAt(`node/node${node}/cpulist`)) nodeOf.set(cpu, node)

  const online = listAt("cpu/online")
  const usable = new Set(online.length === 0 ? cpus : cpus.filter((cpu) => online.includes(cpu)))
  const seen = new Set<number>()
  const cores: Core[] = []
  for (const cpu of usable) {
    if (seen.has(cpu)) continue
    const told = listAt(`cpu/cpu${cpu}/topology/core_cpus_list`)
    // What kernels before 5.3 call the same.
    const siblings = told.length > 0 ? told : listAt(`cpu/cpu${cpu}/topology/thread_siblings_list`)
    const own = [cpu, ...siblings.filter((other) => other !== cpu && usable.has(other) && !seen.has(other))]
    for (const one of own) seen.add(one)
    const capacity = Number(readOr(join(root, `cpu/cpu${cpu}/cpu_capacity`)) ?? capacityMost)
    cores.push({ cpus: own.sort((a, b) => a - b), node: nodeOf.get(cpu) ?? 0, capacity: capacity || capacityMost })
  }
  const withMemory = listAt("node/has_memory")
  return {
    cores: cores.sort((a, b) => b.capacity - a.capacity || a.cpus[0]! - b.cpus[0]!),
    memoryNodes: memoryNodes.filter((node) => withMemory.includes(node)),
  }
}

/** SCHED_CAPACITY_SCALE: what the fastest core of any machine has, and each where all are alike. */
const capacityMost = 1024

function nodesIn(folder: string): number[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const number = /^node(\d+)$/.exec(name)?.[1]
      return number === undefined ? [] : [Number(number)]
    })
  } catch {
    // A kernel without NUMA has no such folder: then everything is one node.
    return []
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // sysfs has what the kernel and the board tell; what is missing has a simplest answer at each caller.
    return undefined
  }
}
