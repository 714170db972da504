import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { formatCpuList, parseCpuList } from "../../../app/inference/placement/cpu-list.ts"
import { readAllowed, readTopology } from "../../../app/inference/placement/topology.ts"
import { tempFolder } from "../../support/shared.ts"
import { kunpeng920, makeSysfs, topologyOf, upTo, x86Smt } from "./machines.ts"

test.each([
  ["0-3,8", [0, 1, 2, 3, 8]],
  ["8,0-1,1", [0, 1, 8]],
  ["7\n", [7]],
  ["", []],
  ["3-1", undefined],
  ["a", undefined],
  ["0,", undefined],
  ["0-99999999", undefined],
])("the kernel's list %j", (text, cpus) => {
  expect(parseCpuList(text)).toEqual(cpus)
})

test("a list is written as the kernel writes it", () => {
  expect(formatCpuList([8, 1, 0, 2, 2, 10, 11])).toBe("0-2,8,10-11")
  expect(formatCpuList([])).toBe("")
})

test("a Kunpeng 920 has 64 cores on four nodes", () => {
  const { cores, memoryNodes } = topologyOf(kunpeng920)
  expect(cores.length).toBe(64)
  expect(cores.map(({ node }) => node)).toEqual(upTo(64).map((cpu) => Math.floor(cpu / 16)))
  expect(memoryNodes).toEqual([0, 1, 2, 3])
})

test("hardware threads of one core are one core, on kernels old and new", () => {
  const cores = upTo(8).map((core) => ({ cpus: [core, core + 8], node: 0, capacity: 1024 }))
  expect(topologyOf(x86Smt).cores).toEqual(cores)

  const files = Object.fromEntries(
    upTo(16).map((cpu) => [`cpu/cpu${cpu}/topology/thread_siblings_list`, `${cpu % 8},${(cpu % 8) + 8}`]),
  )
  using old = makeSysfs([], { ...files, "cpu/online": "0-15" })
  expect(readTopology({ cpus: upTo(16), memoryNodes: [0] }, old.path).cores).toEqual(cores)
})

test("what the cgroup does not leave us is not there, nor is what is switched off", () => {
  expect(topologyOf(kunpeng920, [17, 18]).cores.map(({ cpus, node }) => [...cpus, node])).toEqual([
    [17, 1],
    [18, 1],
  ])
  // One thread of a core may be ours and its sibling somebody else's.
  expect(topologyOf(x86Smt, [1, 9, 2]).cores.map(({ cpus }) => cpus)).toEqual([[1, 9], [2]])
  using folder = makeSysfs(x86Smt, { "cpu/online": "0-7" })
  expect(readTopology({ cpus: upTo(16), memoryNodes: [] }, folder.path).cores.length).toBe(8)
})

test("quick cores of a mixed board come first", () => {
  const cores = upTo(8).map((cpu) => ({ cpus: [cpu], capacity: cpu < 4 ? 414 : 1024 }))
  expect(topologyOf(cores).cores.map(({ cpus }) => cpus[0])).toEqual([4, 5, 6, 7, 0, 1, 2, 3])
})

test("a kernel that tells nothing has as many plain cores as we may use", () => {
  using folder = tempFolder()
  expect(readTopology({ cpus: [0, 1], memoryNodes: [0] }, folder.path)).toEqual({
    cores: [0, 1].map((cpu) => ({ cpus: [cpu], node: 0, capacity: 1024 })),
    memoryNodes: [],
  })
})

test("what a process may use is read from its status", () => {
  using folder = tempFolder()
  const path = join(folder.path, "status")
  writeFileSync(path, "Name:\tbun\nCpus_allowed:\t3\nCpus_allowed_list:\t4-5\nMems_allowed:\t1\nMems_allowed_list:\t0\n")
  expect(readAllowed(path)).toEqual({ cpus: [4, 5], memoryNodes: [0] })
  expect(readAllowed(join(folder.path, "missing"))).toBeUndefined()
  expect(readAllowed()?.cpus.length).toBeGreaterThan(0)
})
