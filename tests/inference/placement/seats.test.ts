import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { assert } from "../../../app/base/assert.ts"
import { createLog, silentLog } from "../../../app/base/log.ts"
import { createMetrics } from "../../../app/base/metrics.ts"
import { selfCommand } from "../../../app/base/self.ts"
import { openCrew } from "../../../app/inference/crew.ts"
import { inferenceOptions } from "../../../app/inference/options.ts"
import { openPlacement } from "../../../app/inference/placement/placement.ts"
import { openScheduler, type Scheduler } from "../../../app/inference/placement/scheduler.ts"
import { cpusOf, openSeats } from "../../../app/inference/placement/seats.ts"
import { readAllowed, type Topology } from "../../../app/inference/placement/topology.ts"
import { locateSet, samplePhoto } from "../engine/support.ts"

const allowed = readAllowed()
assert(allowed !== undefined, "Linux tells which processors a process may use")
/** The machine that tests run on may have a single processor: then being there is all that can be seen. */
const last = allowed.cpus.at(-1) ?? 0

function scheduler(): Scheduler {
  const opened = openScheduler()
  if (opened.kind === "failed") throw new Error(opened.why)
  return opened.value
}

const sleeper = () => Bun.spawn([process.execPath, "-e", "setTimeout(() => undefined, 60_000)"])

async function ended(child: Bun.Subprocess): Promise<void> {
  child.kill()
  await child.exited
}

/** Where the threads of a process may run, each as the kernel says it. */
function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? ""
  })
}

test("a process that is started in a place has all its threads there, prefers its memory, and this one is as before", async () => {
  const before = threadsOf(process.pid).toSorted()
  const node = allowed.memoryNodes[0]
  const { value: child, refusals } = scheduler().within({ cpus: [last], memoryNode: node }, sleeper)
  await using _ = { [Symbol.asyncDispose]: () => ended(child) }
  expect(refusals).toEqual([])
  expect(threadsOf(process.pid).filter((cpus) => cpus === String(last)).length).toBe(
    before.filter((cpus) => cpus === String(last)).length,
  )
  await Bun.sleep(300)
  const threads = threadsOf(child.pid)
  expect(threads.length).toBeGreaterThan(0)
  expect(new Set(threads)).toEqual(new Set([String(last)]))
  expect(cpusOf(child.pid)).toBe(String(last))
  if (node === undefined) return
  expect(readFileSync(`/proc/${child.pid}/numa_maps`, "utf8")).toContain(` prefer:${node} `)
  expect(readFileSync("/proc/self/numa_maps", "utf8")).not.toContain(` prefer:${node} `)
})

test("a thread of this process that begins meanwhile is not left in the place", async () => {
  const pinned = () => threadsOf(process.pid).filter((cpus) => cpus === String(last)).length
  const before = pinned()
  const source = URL.createObjectURL(new Blob(["postMessage(1); setInterval(() => undefined, 1000)"]))
  const { value: worker } = scheduler().within({ cpus: [last] }, () => new Worker(source))
  const { promise: began, resolve } = Promise.withResolvers<void>()
  worker.addEventListener("message", () => resolve())
  await began
  expect(pinned()).toBe(before)
  worker.terminate()
})

test("what the kernel refuses is said once, and the process is there all the same", async () => {
  const told: string[] = []
  const absent = 8000
  const seats = openSeats({ places: [{ cpus: [absent] }], exclusive: true }, 2, scheduler(), (refusals) =>
    told.push(...refusals),
  )
  for (const seat of [seats.take(), seats.take()]) {
    const child = seat.start(sleeper)
    expect(cpusOf(child.pid)).toBe(cpusOf(process.pid) ?? "")
    // It shares its processors with whoever comes.
    expect(seat.spinning).toBe(false)
    await ended(child)
  }
  expect(told).toEqual(["sched_setaffinity: EINVAL"])
})

test("what throws in a place leaves this thread as it was", () => {
  const before = cpusOf(process.pid)
  const fail = () => {
    throw new Error("no such program")
  }
  expect(() => scheduler().within({ cpus: [last] }, fail)).toThrow("no such program")
  expect(cpusOf(process.pid)).toBe(before ?? "")
})

test("seats are handed out one by one, shared when there are none left, and taken again when left", () => {
  const starts: number[][] = []
  const within: Scheduler["within"] = (place, work) => {
    starts.push([...place.cpus])
    return { value: work(), onCpus: true, refusals: [] }
  }
  const places = [{ cpus: [0] }, { cpus: [1] }]
  const seats = openSeats({ places, exclusive: true }, 2, { within }, () => undefined)
  const taken = [seats.take(), seats.take(), seats.take()]
  for (const seat of taken) seat.start(() => undefined)
  expect(starts).toEqual([[0], [1], [0]])
  // The first spins alone; whoever comes later shares its cores.
  expect(taken.map(({ spinning }) => spinning)).toEqual([true, true, false])
  taken[1]?.leave()
  taken[1]?.leave()
  seats.take().start(() => undefined)
  expect(starts.at(-1)).toEqual([1])
})

const picture = readFileSync(samplePhoto(3))
const wish = inferenceOptions.parse({ engines: 1, affinity: "cores", threadsPerEngine: 1 })

test("an engine's threads, those of the network library among them, are on the planned processor, after a restart too", async () => {
  const machine: Topology = { cores: [{ cpus: [last], node: 0, capacity: 1024 }], memoryNodes: [] }
  const placed = await openPlacement(wish, silentLog, machine)
  if (placed.kind === "failed") throw new Error(placed.why)
  const crew = openCrew(1, {
    command: selfCommand(),
    set: await locateSet("default"),
    // More threads than the place has processors: the library's own threads are what must be seen.
    threads: 3,
    seats: placed.value.seats,
    limits: wish,
    log: silentLog,
    metrics: createMetrics(),
    freed: () => undefined,
    allDown: () => undefined,
  })
  await using _ = { [Symbol.asyncDispose]: () => crew.close() }
  await crew.settled()
  const engine = () => crew.status().engines[0]
  const first = engine()?.pid ?? 0

  for (const round of ["started", "started again"]) {
    const answer = await crew.analyze(picture, { faceWidthPxMin: 48, facesMax: 50, embed: "all" })
    expect([round, answer.kind]).toEqual([round, "analysis"])
    const { pid = 0, cpus } = engine() ?? {}
    const threads = threadsOf(pid)
    expect(threads.length).toBeGreaterThan(3)
    expect(new Set(threads)).toEqual(new Set([String(last)]))
    expect(cpus).toBe(String(last))
    if (round === "started again") break
    process.kill(pid, "SIGKILL")
    const giveUpAtMs = Date.now() + 30_000
    while (engine()?.pid === first || !crew.hasFree()) {
      if (Date.now() > giveUpAtMs) throw new Error("waited in vain")
      await Bun.sleep(10)
    }
  }
})

test("a wish that the machine cannot fulfil ends the start with a report, and what is crowded is said", async () => {
  const machine: Topology = { cores: [{ cpus: [0], node: 0, capacity: 1024 }], memoryNodes: [] }
  const refused = await openPlacement({ ...wish, engines: 3 }, silentLog, machine)
  expect(refused.kind === "failed" && refused.why).toContain("wants 3 processors, and this process may use 1 (0)")
  const anywhere = await openPlacement({ ...wish, affinity: "none", engines: 64, threadsPerEngine: 64 }, createLog("silent"))
  if (anywhere.kind === "failed") throw new Error(anywhere.why)
  expect(anywhere.value.status()).toMatchObject({
    affinity: "none",
    notes: [expect.stringContaining("4096 computing threads")],
  })
})
