import { expect, test } from "bun:test"
import { openSightings } from "../../../app/events/sightings.ts"
import type { Hub } from "../../../app/sync/hub.ts"
import { parseBatch, pushSightings } from "../../../app/sync/sightings.ts"
import { record } from "../../events/support.ts"
import { createHub } from "../../sim/hub.ts"
import { boxA, utf8Of } from "../support.ts"
import { openPlainBox, openTestSyncStore, type TestSyncStore } from "./support.ts"

const bytesEach = 100

/** A box that sees things, at a hub. */
function open(opened: TestSyncStore, bytesMax = 1e6, hub = createHub()) {
  const sightings = openSightings(opened.store, opened.vault, () => undefined)
  const read = (after: number, limit: number) =>
    sightings.recordedAfter(after, limit).map(({ number }) => ({ number, bytes: utf8Of(`${number}`.padEnd(bytesEach)) }))
  const line = {
    latest: async (stream, key) => hub.latest(stream, key),
    write: async (...asked) => hub.write(...asked),
  } as Pick<Hub, "latest" | "write"> as Hub
  const rows = opened.sync.sightings(read, bytesMax)
  return {
    hub,
    sightings,
    see(count: number): void {
      for (let i = 0; i < count; i++) record(sightings, {})
    },
    /** As when room is wanted. */
    lose: (upTo: number) => void opened.store.prepare("delete from sightings where number <= ?").run(upTo),
    push: () => pushSightings({ hub: line, batchMax: 4, rows }),
    held: () =>
      [...hub.keys("sightings")].flatMap((origin) =>
        hub.all("sightings", origin).flatMap(({ bytes }) => (parseBatch(bytes) ?? []).map(({ number }) => number)),
      ),
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test("what was seen since the box joined goes up, once", async () => {
  using opened = openTestSyncStore()
  const box = open(opened)
  box.see(3)
  opened.sync.enter(boxA)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 0 })
  box.see(10)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 10 })
  expect(await box.push()).toEqual({ kind: "pushed", stored: 0 })
  box.see(2)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 2 })
  expect(box.held()).toEqual(numbers(4, 15))
  expect(opened.sync.droppedSightings()).toBe(0)
})

test("a hub that lost its end hears again of what it had", async () => {
  using opened = openTestSyncStore()
  opened.sync.enter(boxA)
  const box = open(opened)
  box.see(10)
  await box.push()
  box.hub.rollBack(2)
  expect(box.held()).toEqual(numbers(1, 4))
  await box.push()
  expect(box.held()).toEqual(numbers(1, 10))
  expect(opened.sync.droppedSightings()).toBe(0)
})

test("those that left before they went up are counted, once", async () => {
  using opened = openTestSyncStore()
  opened.sync.enter(boxA)
  const box = open(opened)
  box.see(3)
  await box.push()
  box.see(20)
  box.lose(10)
  await box.push()
  expect(box.held()).toEqual([...numbers(1, 3), ...numbers(11, 23)])
  expect(opened.sync.droppedSightings()).toBe(7)
  box.hub.rollBack(4)
  await box.push()
  expect(opened.sync.droppedSightings()).toBe(7)
})

test("no more than the budget waits: of more the newest go up", async () => {
  using opened = openTestSyncStore()
  opened.sync.enter(boxA)
  const box = open(opened, 20 * bytesEach)
  box.see(1)
  // What one takes is known from here on.
  await box.push()
  box.see(100)
  await box.push()
  expect(box.held()).toEqual([1, ...numbers(82, 101)])
  expect(opened.sync.droppedSightings()).toBe(80)
})

test("after a restore the life before speaks of what it has seen, and the new one of the rest", async () => {
  using opened = openTestSyncStore()
  opened.sync.enter(boxA)
  const box = open(opened)
  const plain = openPlainBox(opened.sync)
  box.see(10)
  await box.push()
  // The disk of then, at number 6; the hub knows ten of that life.
  opened.store.prepare("delete from sightings where number > 6").run()
  opened.store.prepare("update sqlite_sequence set seq = 6 where name = 'sightings'").run()
  opened.store.prepare("update sync_lives set stored_sighting = 4").run()
  plain.transact((tables) => tables.beginLife())
  box.see(5)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 5 })
  expect(box.held()).toEqual([...numbers(1, 10), ...numbers(7, 11)])
  expect(opened.sync.droppedSightings()).toBe(0)
  const origins = [...box.hub.keys("sightings")]
  expect(new Set(origins).size).toBe(2)
  box.hub.rollBack(100)
  await box.push()
  expect(box.held()).toEqual(numbers(1, 11))
})
