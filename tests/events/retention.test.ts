import { expect, test } from "bun:test"
import pino from "pino"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { StorageTrouble } from "../../app/base/storage-trouble.ts"
import { sightingsOptions } from "../../app/events/options.ts"
import { keepRetention, openRetention } from "../../app/events/retention.ts"
import { rowBytes } from "../../app/events/sightings.ts"
import { firstDayMs } from "../../app/events/trusted-clock.ts"
import { face, type Memory, openMemory, record } from "./support.ts"

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startMs = firstDayMs + 100 * dayMs

/** Records one sighting for each time, as if the wall clock had said so. */
function recordAt(memory: Memory, ...timesMs: readonly number[]) {
  for (const recordedAtMs of timesMs) {
    const { number } = record(memory.sightings)
    memory.store.prepare("update sightings set recorded_at_ms = ? where number = ?").run(recordedAtMs, number)
  }
}

function numbers({ sightings }: Memory): number[] {
  return sightings.recordedAfter(0, 1000).map(({ number }) => number)
}

/** Steps until nothing is removed; says how many were. */
function sweep(step: ReturnType<typeof openRetention>, nowMs: number, tickMs: number): number {
  for (let removed = 0; ; ) {
    const last = step(nowMs, tickMs).removed
    if (last === 0) return removed
    removed += last
  }
}

const days = (count: number, from = 0) => Array.from({ length: count }, (_, i) => startMs + (from + i) * dayMs)

test("the oldest leave as soon as the bytes are over their budget, no more of them than need to", async () => {
  await using memory = await openMemory()
  const each = 10_000
  for (let n = 0; n < 30; n++) record(memory.sightings, { snapshot: new Uint8Array(each) })
  const step = openRetention(memory.store, memory.sightings, { bytesMax: 5 * (each + rowBytes), ageMaxDays: 1 })
  const first = step(Date.now(), 0)
  expect(first).toEqual({ removed: 10, reason: "bytes" }) // One bounded step.
  sweep(step, Date.now(), 0)
  expect(numbers(memory)).toEqual([26, 27, 28, 29, 30])
  expect(memory.sightings.totals().bytes).toBe(5 * (each + rowBytes))
})

test("of a large budget a step's worth is made free ahead, so that not every sighting costs a removal", async () => {
  await using memory = await openMemory()
  const each = 1000
  const budget = 640
  for (let n = 0; n < budget + 1; n++) record(memory.sightings, { snapshot: new Uint8Array(each) })
  const step = openRetention(memory.store, memory.sightings, { bytesMax: budget * (each + rowBytes), ageMaxDays: 1 })
  expect(sweep(step, Date.now(), 0)).toBe(10)
  for (let n = 0; n < 9; n++) record(memory.sightings, { snapshot: new Uint8Array(each) })
  expect(sweep(step, Date.now(), 0)).toBe(0)
  record(memory.sightings, { snapshot: new Uint8Array(each) })
  expect(sweep(step, Date.now(), 0)).toBe(10)
})

test("what is older than the limit leaves, in steps", async () => {
  await using memory = await openMemory()
  recordAt(memory, ...days(60))
  const step = openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 10 })
  const now = startMs + 59 * dayMs
  expect(step(now, 0)).toEqual({ removed: 10, reason: "age" })
  expect(sweep(step, now, 0)).toBe(39)
  expect(numbers(memory)).toEqual([50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60])
})

test("a clock that leaps ten years ahead costs no more than a day of records for each hour it stays", async () => {
  await using memory = await openMemory()
  recordAt(memory, ...days(30))
  const step = openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 30 })
  const beforeMs = startMs + 29 * dayMs
  expect(sweep(step, beforeMs, 0)).toBe(0)

  const leaptMs = beforeMs + 3650 * dayMs
  recordAt(memory, leaptMs, leaptMs + 1)
  expect(sweep(step, leaptMs, 60_000)).toBe(0)
  expect(sweep(step, leaptMs + 3 * hourMs, 3 * hourMs)).toBe(2)
  // … also for a program that was started while the clock was wrong.
  const restarted = openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 30 })
  expect(sweep(restarted, leaptMs + 3 * hourMs, 0)).toBe(0)

  // Mended: what is left ages as ever, and what the wrong clock dated leaves with its neighbours.
  recordAt(memory, beforeMs + dayMs)
  expect(sweep(restarted, beforeMs + 31 * dayMs, 40 * dayMs)).toBe(28)
  expect(numbers(memory)).toEqual([31, 32, 33])
  expect(sweep(restarted, beforeMs + 31 * dayMs + 1, 40 * dayMs + 1)).toBe(3)
})

test("a box without a battery begins at 1970, and that ages nothing", async () => {
  await using memory = await openMemory()
  const step = openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 10 })
  recordAt(memory, 5000, 6000)
  expect(sweep(step, 7000, 0)).toBe(0)
  recordAt(memory, ...days(2))
  expect(sweep(step, startMs + 2 * dayMs, 60_000)).toBe(0)

  // Started again, at 1970 again, with a record of years on disk.
  recordAt(memory, 5000)
  const restarted = openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 10 })
  expect(sweep(restarted, 6000, 0)).toBe(0)
  recordAt(memory, startMs + 3 * dayMs)
  expect(sweep(restarted, startMs + 3 * dayMs, 60_000)).toBe(0)
  expect(numbers(memory)).toHaveLength(6)
  // Those of 1970 are as old as the one that came after them.
  expect(sweep(restarted, startMs + 10 * dayMs + 1, 8 * dayMs)).toBe(3)
})

test("a box that was off for a month catches up, a day for each hour", async () => {
  await using memory = await openMemory()
  recordAt(memory, ...days(10))
  const options = { bytesMax: 1e9, ageMaxDays: 10 }
  sweep(openRetention(memory.store, memory.sightings, options), startMs + 9 * dayMs, 0)
  const step = openRetention(memory.store, memory.sightings, options)
  const backMs = startMs + 40 * dayMs
  expect(sweep(step, backMs, 0)).toBe(0)
  expect(sweep(step, backMs, 4.5 * hourMs)).toBe(4)
  expect(sweep(step, backMs, 31 * hourMs)).toBe(6)
})

test("a shorter limit holds at once", async () => {
  await using memory = await openMemory()
  recordAt(memory, ...days(30))
  const now = startMs + 29 * dayMs
  sweep(openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 90 }), now, 0)
  expect(sweep(openRetention(memory.store, memory.sightings, { bytesMax: 1e9, ageMaxDays: 7 }), now, 0)).toBe(22)
})

test("a disk that fails is said in the log, and the next look comes all the same", async () => {
  await using memory = await openMemory()
  const { store, sightings } = memory
  const lines: string[] = []
  const log = pino({ level: "error" }, { write: (line) => lines.push(line) })
  store.prepare("create trigger stuck before delete on sightings begin select raise(abort, 'stuck'); end").run()
  const options = sightingsOptions.parse({ bytesMax: 1_000_000 })
  const retention = keepRetention({ store, sightings, metrics: createMetrics(), log }, options)
  const recordTooMuch = () => record(sightings, { snapshot: new Uint8Array(1_100_000) })
  recordTooMuch()
  while (lines.length < 1) await Bun.sleep(1)
  store.prepare("drop trigger stuck").run()
  recordTooMuch()
  while (sightings.totals().sightings > 0) await Bun.sleep(1)
  await retention.close()
})

test("it runs by itself: a recording over the bytes is followed by a removal, and closing ends it", async () => {
  await using memory = await openMemory()
  const { store, sightings } = memory
  const options = sightingsOptions.parse({ bytesMax: 1_000_000 })
  const metrics = createMetrics()
  const retention = keepRetention({ store, sightings, metrics, log: silentLog }, options)
  for (let n = 0; n < 30; n++) record(sightings, { snapshot: new Uint8Array(100_000) })
  while (sightings.totals().bytes > options.bytesMax) await Bun.sleep(1)
  expect(numbers(memory).at(-1)).toBe(30)
  await retention.close()
  expect(await metrics.registry.metrics()).toContain('gatehouse_sightings_pruned_total{reason="bytes"} 21')
})

test("a disk that fills up lets the oldest leave, until there is room for the next", async () => {
  await using memory = await openMemory()
  const each = 100_000
  for (let n = 0; n < 30; n++) record(memory.sightings, { snapshot: new Uint8Array(each) })
  // The disk has nothing left for us, whatever this machine's has; what deletions leave inside counts.
  const store = { ...memory.store, room: () => ({ ...memory.store.room(), free: 0 }) }
  const options = { bytesMax: 1e9, ageMaxDays: 30, freeBytesMin: 1_200_000 }
  const step = openRetention(store, memory.sightings, options)
  expect(step(Date.now(), 0)).toEqual({ removed: 10, reason: "disk" })
  while (step(Date.now(), 0).reason === "disk");
  expect(numbers(memory).at(-1)).toBe(30)
  expect(numbers(memory).length).toBeGreaterThan(15)
  expect(numbers(memory).length).toBeLessThan(20)
  expect(store.room().reusable).toBeGreaterThan(options.freeBytesMin)
})

test("a recording that finds the disk full is tried once more, when others have made room", async () => {
  await using memory = await openMemory()
  const { store, sightings } = memory
  const limit = (pages: number) => store.prepare(`pragma max_page_count = ${pages}`).get()
  store.whenFull(() => limit(100_000))
  limit(10)
  record(sightings, { snapshot: new Uint8Array(500_000) })
  expect(sightings.totals().sightings).toBe(1)
})

test("a disk that stays full does not keep it busy", async () => {
  await using memory = await openMemory()
  const { store, sightings } = memory
  for (let n = 0; n < 30; n++) record(sightings, { snapshot: new Uint8Array(50_000) })
  const lines: string[] = []
  const log = pino({ level: "error" }, { write: (line) => lines.push(line) })
  let [looks, full] = [0, () => {}]
  // Each removal finds the disk full, and that is what calls for the next one.
  const stuck = {
    ...store,
    room: () => {
      looks++
      return { free: 0, reusable: 0, disk: 1e9 }
    },
    whenFull: (makeRoom: () => void) => {
      full = makeRoom
    },
    transact: () => {
      full()
      throw new StorageTrouble("the disk is full")
    },
  }
  const retention = keepRetention({ store: stuck, sightings, metrics: createMetrics(), log }, sightingsOptions.parse({}))
  await Bun.sleep(300)
  expect(looks).toBeLessThan(3)
  expect(lines).toHaveLength(1)
  await retention.close()
})

test("sightings of strangers alone leave sooner than those of somebody known, each looked at once", async () => {
  await using memory = await openMemory()
  const subjectId = memory.gallery.createSubject("Ada").id
  const known = { decision: "match" as const, subjectId }
  for (let day = 0; day < 300; day++) {
    record(memory.sightings, day % 3 === 0 ? { faces: [face(known), face()] } : {})
    memory.store.prepare("update sightings set recorded_at_ms = ? where number = ?").run(startMs + day * hourMs, day + 1)
  }
  const options = { bytesMax: 1e9, ageMaxDays: 1000, unknownAgeMaxDays: 10 }
  const step = openRetention(memory.store, memory.sightings, options)
  const nowMs = startMs + 300 * hourMs
  expect(step(nowMs, 0)).toEqual({ removed: 10, reason: "unknown" })
  expect(sweep(step, nowMs, 0)).toBe(30)
  // The first 60 hours are older than ten days: of them every third is left.
  expect(numbers(memory)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1).filter((n) => n > 60 || n % 3 === 1))
  expect(sweep(step, startMs + 310 * hourMs, 10 * hourMs)).toBe(6)
  // A clock that leaps ten years takes no more with it than the time that has passed allows.
  expect(sweep(step, nowMs + 3650 * dayMs, 10 * hourMs)).toBe(0)
})
