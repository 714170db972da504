import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatCpuList } from "../../../app/inference/placement/cpu-list.ts"
import { readTopology, type Topology } from "../../../app/inference/placement/topology.ts"
import { tempFolder } from "../../support/shared.ts"

export interface MadeCore {
  readonly cpus: readonly number[]
  readonly node?: number
  readonly capacity?: number
}

/** A tree as sysfs has it (Documentation/admin-guide/cputopology.rst and …/mm/numaperf.rst of Linux), with `files` over it. */
export function makeSysfs(cores: readonly MadeCore[], files: Readonly<Record<string, string>> = {}) {
  const folder = tempFolder()
  const write = (path: string, text: string) => {
    const file = join(folder.path, path)
    mkdirSync(join(file, ".."), { recursive: true })
    writeFileSync(file, `${text}\n`)
  }
  write("cpu/online", formatCpuList(cores.flatMap(({ cpus }) => cpus)))
  for (const { cpus, capacity } of cores)
    for (const cpu of cpus) {
      write(`cpu/cpu${cpu}/topology/core_cpus_list`, formatCpuList(cpus))
      if (capacity !== undefined) write(`cpu/cpu${cpu}/cpu_capacity`, String(capacity))
    }
  const byNode = Map.groupBy(
    cores.filter(({ node }) => node !== undefined),
    ({ node }) => node,
  )
  for (const [node, own] of byNode) write(`node/node${node}/cpulist`, formatCpuList(own.flatMap(({ cpus }) => cpus)))
  if (byNode.size > 0) write("node/has_memory", formatCpuList([...byNode.keys()].map(Number)))
  for (const [path, text] of Object.entries(files)) write(path, text)
  return folder
}

export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Two sockets of 32 cores without hardware threads, each of two nodes with a memory of its own. */
export const kunpeng920 = upTo(64).map((cpu) => ({ cpus: [cpu], node: Math.floor(cpu / 16) }))
/** One socket of eight cores with two threads each, whose numbers lie eight apart, as x86 has it. */
export const x86Smt = upTo(8).map((core) => ({ cpus: [core, core + 8], node: 0 }))

export function topologyOf(cores: readonly MadeCore[], cpus = cores.flatMap((core) => core.cpus)): Topology {
  using folder = makeSysfs(cores)
  return readTopology({ cpus, memoryNodes: [...new Set(cores.flatMap(({ node }) => node ?? []))] }, folder.path)
}
