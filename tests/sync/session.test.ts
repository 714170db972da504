import { describe, expect, test } from "bun:test"
import { whyShrunken } from "../../app/sync/box.ts"
import { bundlePage, importRecords } from "../../app/sync/courier.ts"
import type { Unreachable } from "../../app/sync/hub.ts"
import { withMarker } from "../../app/sync/markers.ts"
import { agree, crashAt, createTestSite, settled } from "./site.ts"
import { boxA, boxB, entity } from "./support.ts"

/** Longer than any round below asks. */
const callsMax = 60

const agreed = () => settled(createTestSite([boxA, boxB]))

describe("the hub loses its end before each of a round's questions, and others write in its place", () => {
  test.each([
    [3, 4, []],
    [9, 12, []],
    [30, 40, []],
    [35, 8, [700, 720, 740]],
  ])("%d steps lost, %d written, away for %j", async (lost, written, meanwhile) => {
    for (let at = 0; at < callsMax; at++) {
      const { site, a, b } = await agreed()
      // It has been away for a while: there are several pages to read.
      for (const from of meanwhile) {
        b.enrol(from, 12)
        await b.round()
        site.mark()
      }
      a.enrol(400, 3)
      let happened = false
      a.hooks.beforeCall = async (call) => {
        if (call !== at) return undefined
        happened = true
        site.hub.rollBack(lost)
        b.enrol(500, written)
        b.write("erase", entity(201))
        await b.round(false)
        site.mark()
        await b.round()
        b.enrol(600, 3)
        await b.round()
        site.mark()
        return undefined
      }
      await a.round()
      await site.settle()
      agree(site.digests())
      if (!happened) break
      expect(a.disk.rows().get(entity(500, 500))?.standing).toBe("held")
      expect(a.disk.rows().has(entity(201, 201))).toBe(false)
    }
  })
})

describe("somebody uses the box while it talks", () => {
  test("what is written before any of a round's questions is sent by the next round", async () => {
    for (let at = 0; at < callsMax; at++) {
      const { site, a } = await agreed()
      a.write("put", entity(101, 101), 2000)
      a.write("put", entity(102, 102), 2000)
      let happened = false
      a.hooks.beforeCall = async (call) => {
        if (call !== at) return undefined
        happened = true
        a.write("put", entity(101, 101), 3000)
        a.write("erase", entity(102), 3000)
        return undefined
      }
      await a.round(false)
      a.hooks.beforeCall = async () => undefined
      await a.round(false)
      if (!happened) break
      const latest = site.hub.latest("records", entity(101, 101))
      expect(latest.kind === "found" && latest.entry.bytes).toBe(a.disk.rows().get(entity(101, 101))!.record.bytes)
      expect(site.hub.latest("erasures", entity(102)).kind).toBe("found")
    }
  })
})

describe("a round is cut off", () => {
  test("by a crash at each step on the disk: the next one goes on", async () => {
    let crashes = 0
    while (await crashAt(await agreed(), crashes)) expect(crashes++).toBeLessThan(2000)
    expect(crashes).toBeGreaterThan(30)
  })

  test.each(["the request", "the answer"])("by the loss of %s, each time", async (lost) => {
    const unreachable: Unreachable = { kind: "unreachable", why: "cut" }
    for (let at = 0; at < callsMax; at++) {
      const { site, a, b } = await agreed()
      b.enrol(500, 7)
      await b.round()
      a.enrol(400, 7)
      a.write("erase", entity(103))
      let happened = false
      a.hooks.beforeCall = async (call) => {
        if (call !== at) return undefined
        happened = true
        // A write may have taken place, whose answer nobody hears.
        const row = a.disk.rows().get(entity(400, 400))
        if (lost === "the answer" && row?.standing === "due")
          site.hub.write("records", row.record.entity, row.record.bytes, row.hubSequence)
        return unreachable
      }
      const done = await a.round()
      expect(done.kind).toBe(happened ? "unreachable" : "done")
      await site.settle()
      agree(site.digests())
      for (const key of site.hub.keys("records")) expect([at, key, site.hub.all("records", key).length]).toEqual([at, key, 1])
      if (!happened) break
    }
  })
})

describe("what lies at the hub", () => {
  test("and is no record, of nobody we know, or of another place is counted, and stops nothing", async () => {
    const { site, a, b } = await agreed()
    const record = b.disk.rows().get(entity(200, 200))!.record
    site.hub.write("records", entity(900, 900), new Uint8Array([1, 2, 3]), 0)
    site.hub.write("records", entity(901, 901), record.bytes, 0)
    site.hub.write("erasures", entity(902), record.bytes, 0)
    b.enrol(500, 1)
    await b.round()
    expect(await a.round()).toMatchObject({ kind: "done", applied: 1, refused: 3 })
    expect(a.disk.rows().has(entity(500, 500))).toBe(true)
    expect(a.disk.rows().has(entity(901, 901))).toBe(false)
  })

  test("in the place of a record of ours is overwritten, unless it may be one that we only cannot read", async () => {
    const { site, a } = await agreed()
    a.write("put", entity(101, 101), 2000)
    const row = a.disk.rows().get(entity(101, 101))!
    const newer = Buffer.from(row.record.bytes)
    newer[0] = 9
    site.hub.write("records", entity(101, 101), newer, row.hubSequence)
    expect(await a.round(false)).toMatchObject({ kind: "done", withheld: 1 })
    expect(a.disk.rows().get(entity(101, 101))?.standing).toBe("doubtful")
  })

  test("and was overwritten or erased is removed by the janitor, and nothing else", async () => {
    const { site, a, b } = await agreed()
    a.write("put", entity(101, 101), 2000)
    a.write("erase", entity(102), 2000)
    a.write("erase", entity(201, 201), 2000)
    await site.settle()
    expect(site.hub.all("records", entity(101, 101)).length).toBe(2)
    // Not before a marker vouches for what took its place.
    expect(await a.janitor.sweep(0)).toEqual({ kind: "swept", removed: 0 })
    expect(await a.janitor.mark()).toEqual({ kind: "marked" })
    await site.settle()
    expect(await a.janitor.sweep(0)).toEqual({ kind: "swept", removed: 3 })
    for (const key of site.hub.keys("records")) expect(site.hub.all("records", key).length).toBe(1)
    expect([entity(100, 100), entity(102, 102), entity(201, 201)].map((key) => site.hub.all("records", key).length)).toEqual([
      0, 0, 0,
    ])
    expect(await b.round()).toMatchObject({ kind: "done", applied: 0, offeredAgain: 0 })
    agree(site.digests())
  })

  test("is brought back by the janitor if the hub lost its end while it was removed", async () => {
    for (let at = 0; at < callsMax; at++) {
      const { site, a, b } = await agreed()
      a.write("put", entity(200, 200), 2000)
      await a.round()
      site.mark()
      await a.round()
      let calls = 0
      let happened = false
      a.hooks.beforeCall = async () => {
        if (calls++ !== at) return undefined
        happened = true
        // What took the other's place is lost, at the hub and by the only box that had it.
        site.hub.rollBack(3)
        return undefined
      }
      await a.janitor.sweep(0)
      a.hooks.beforeCall = async () => undefined
      await b.round()
      expect(site.hub.all("records", entity(200, 200)).length).toBeGreaterThan(0)
      if (!happened) break
    }
  })
})

describe("a box that is not in order", () => {
  test("neither sends nor receives when its gallery has shrunk without a record of it", async () => {
    const { a } = await agreed()
    const counts = a.disk.tables.counts
    a.disk.tables.counts = () => ({ ...counts(), present: 1 })
    let asked = 0
    a.hooks.beforeCall = async () => {
      asked++
      return undefined
    }
    expect(await a.round()).toMatchObject({ kind: "stopped", why: expect.stringContaining("holds 1 entries of 19") })
    expect(asked).toBe(0)
  })

  test.each([
    [1000, 1000, false],
    [1000, 950, false],
    [1000, 800, true],
    [5, 0, false],
    [20, 0, true],
    [0, 0, false],
  ])("of %d there are %d: stopped %p", (expected, present, stops) => {
    expect(whyShrunken({ expected, present }) !== undefined).toBe(stops)
  })

  test("takes a new incarnation when it meets what it wrote itself in a life it does not remember", async () => {
    const { a, b } = await agreed()
    const copy = a.disk.backup()
    a.enrol(400, 2)
    await a.round()
    const before = a.disk.tables.origin()
    a.disk.restore(copy, { asIfNothingHappened: true })
    expect(a.disk.tables.origin()).toBe(before)
    await a.round()
    expect(a.disk.tables.origin()).not.toBe(before)
    await b.round()
    expect(a.digest()).toEqual(b.digest())
  })
})

describe("a stick", () => {
  test("carries what changed, once, and brings back nobody who was erased", async () => {
    const { site, a, b } = await agreed()
    const bundle = (since: number) =>
      a.disk.transact((tables) => {
        const erasures = bundlePage(tables, since, { stream: "erasures", change: since }, 1000)
        const records = bundlePage(tables, since, erasures.next!, 1000)
        expect(records.next).toBeUndefined()
        return [...erasures.records, ...records.records].map(({ bytes }) => bytes)
      })
    const old = bundle(0)
    const since = a.disk.changeCount()
    a.enrol(400, 3)
    a.write("erase", entity(200))
    const stick = bundle(since)
    expect(stick.length).toBe(4)
    expect(importRecords(b.disk, b.open, stick)).toEqual({ changed: 4, known: 0, refused: 0 })
    expect(importRecords(b.disk, b.open, stick)).toEqual({ changed: 0, known: 4, refused: 0 })
    expect(importRecords(b.disk, b.open, old)).toMatchObject({ changed: 0, refused: 0 })
    expect(b.disk.rows().has(entity(200, 200))).toBe(false)
    // The box that was given the stick offers it to the hub.
    expect(await b.round()).toMatchObject({ kind: "done", stored: 4 })
    await site.settle()
    agree(site.digests())
    expect(importRecords(b.disk, b.open, [stick[0]!.subarray(1)])).toEqual({ changed: 0, known: 0, refused: 1 })
  })
})

test("markers are remembered densely where they are new, and far back all the same", () => {
  let markers: readonly { sequence: number; name: string }[] = []
  for (let sequence = 1; sequence <= 100_000; sequence++) markers = withMarker(markers, { sequence, name: `${sequence}` })
  expect(markers.length).toBe(40)
  expect(markers[0]!.sequence).toBe(1)
  expect(markers.at(-1)!.sequence).toBe(100_000)
  for (let back = 1; back < 50_000; back *= 2) {
    const kept = markers.findLast(({ sequence }) => sequence <= 100_000 - back)!
    expect(100_000 - kept.sequence).toBeLessThan(back * 3 + 2)
  }
  expect(withMarker(markers, { sequence: 5, name: "5" })).toBe(markers)
})
