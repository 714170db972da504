import { expect, test } from "bun:test"
import { formatCpuList } from "../../../app/inference/placement/cpu-list.ts"
import { type PlacementWish, type Plan, planPlacement } from "../../../app/inference/placement/plan.ts"
import type { Topology } from "../../../app/inference/placement/topology.ts"
import { kunpeng920, type MadeCore, topologyOf, upTo, x86Smt } from "./machines.ts"

const wish: PlacementWish = { affinity: "cores", threadsPerEngine: 1, enginesMin: 2, enginesMax: 4, exactly: false }

const wholes = new Map<readonly MadeCore[], Topology>(
  [kunpeng920, x86Smt].map((machine) => [machine, topologyOf(machine)] as const),
)

function planned(machine: readonly MadeCore[], wished: Partial<PlacementWish>, cpus?: number[]): Plan {
  const topology = (cpus === undefined ? wholes.get(machine) : undefined) ?? topologyOf(machine, cpus)
  const plan = planPlacement(topology, { ...wish, ...wished })
  if (plan.kind === "failed") throw new Error(plan.why)
  return plan.value
}

const exactly = (engines: number, threadsPerEngine: number) => ({
  ...{ enginesMin: engines, enginesMax: engines },
  ...{ exactly: true, threadsPerEngine },
})
const listsOf = ({ places }: Plan) => places.map(({ cpus }) => formatCpuList(cpus))

test("on a Kunpeng 920, engines with cores of their own lie node by node in turn, each within one", () => {
  const plan = planned(kunpeng920, exactly(8, 6))
  expect(listsOf(plan)).toEqual(["0-5", "16-21", "32-37", "48-53", "6-11", "22-27", "38-43", "54-59"])
  expect(plan.places.map(({ memoryNode }) => memoryNode)).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
  expect([plan.exclusive, plan.notes]).toEqual([true, []])
})

test("with numa each engine has its node's cores and memory, and spinning is for who has it alone", () => {
  const two = planned(kunpeng920, { ...exactly(8, 6), affinity: "numa" })
  expect(listsOf(two)).toEqual(["0-15", "16-31", "32-47", "48-63", "0-15", "16-31", "32-47", "48-63"])
  expect(two.exclusive).toBe(false)
  const one = planned(kunpeng920, { ...exactly(4, 8), affinity: "numa" })
  expect(one.exclusive).toBe(true)
})

test("a core is given with both of its threads, as long as there are cores", () => {
  expect(listsOf(planned(x86Smt, exactly(4, 1))).slice(0, 4)).toEqual(["0,8", "1,9", "2,10", "3,11"])
  const many = planned(x86Smt, exactly(12, 1))
  expect(listsOf(many).slice(0, 3)).toEqual(["0", "8", "1"])
  expect([many.exclusive, many.notes.length]).toEqual([false, 1])
  expect(many.notes[0]).toContain("8 cores are too few for 12 engines")
})

test("where the parent has no core left, nobody spins", () => {
  expect(planned(x86Smt, exactly(2, 3)).exclusive).toBe(true)
  expect(planned(x86Smt, exactly(2, 4)).exclusive).toBe(false)
  expect(planned(x86Smt, { enginesMin: 2, enginesMax: 4, threadsPerEngine: 2 }).exclusive).toBe(false)
})

test("two processors of a cgroup are two places, whether they are cores or threads of one", () => {
  expect(listsOf(planned(kunpeng920, {}, [17, 18]))).toEqual(["17", "18"])
  expect(listsOf(planned(x86Smt, {}, [1, 9]))).toEqual(["1", "9"])
  expect(listsOf(planned(x86Smt, { affinity: "numa" }, [1, 9]))).toEqual(["1,9", "1,9"])
})

test("as many as there is room for is enough when the number was not given", () => {
  expect(listsOf(planned(kunpeng920, { threadsPerEngine: 2 }, [17, 18, 19]))).toEqual(["17-18"])
})

test("more threads than any node has cores go across nodes, and that is said", () => {
  const plan = planned(kunpeng920, exactly(2, 24))
  expect(listsOf(plan)).toEqual(["0-23", "24-47"])
  expect(plan.places.every(({ memoryNode }) => memoryNode === undefined)).toBe(true)
  expect(plan.notes.join()).toContain("no NUMA node has 24 cores")
})

test.each([
  [
    exactly(9, 8),
    "9 × threadsPerEngine 8 wants 72 processors, and this process may use 64 (0-63) on 4 NUMA nodes, room for 8 engines",
  ],
  [
    exactly(5, 12),
    "5 × threadsPerEngine 12 wants 60 processors, and this process may use 64 (0-63) on 4 NUMA nodes, room for 4 engines",
  ],
  [{ threadsPerEngine: 65 }, "1 × threadsPerEngine 65 wants 65 processors"],
])("what the machine has no cores for is refused in words: %#", (wished, why) => {
  const plan = planPlacement(topologyOf(kunpeng920), { ...wish, ...wished })
  expect(plan.kind === "failed" && plan.why).toContain(why)
  expect(plan.kind === "failed" && plan.why).toContain('set fewer inference.engines or threadsPerEngine, or affinity "none"')
})

test("a node whose memory is not ours is said, and its engines prefer none", () => {
  const { cores } = topologyOf(kunpeng920)
  const plan = planPlacement({ cores, memoryNodes: [0, 1, 2] }, { ...wish, ...exactly(4, 4) })
  if (plan.kind === "failed") throw new Error(plan.why)
  expect(plan.value.places.map(({ memoryNode }) => memoryNode).slice(0, 4)).toEqual([0, 1, 2, undefined])
  expect(plan.value.notes).toEqual(["no memory of node 3 may be used: its engines use what is nearest"])
})

test("every place of every size lies on cores that are nobody else's", () => {
  for (const threads of upTo(16).map((index) => index + 1)) {
    const plan = planned(kunpeng920, { threadsPerEngine: threads, enginesMin: 1, enginesMax: 64 })
    const cpus = plan.places.flatMap((place) => place.cpus)
    expect(new Set(cpus).size).toBe(cpus.length)
    expect(plan.places.every((place) => place.cpus.length === threads)).toBe(true)
  }
})
