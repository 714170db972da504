import { expect, test } from "bun:test"
import { sightingsOptions } from "../../app/events/options.ts"
import { openSightings } from "../../app/events/sightings.ts"
import { createPictureThrift } from "../../app/events/thrift.ts"
import { snapshotAsked } from "../../app/pipeline/sight.ts"
import { face, openMemory, seen } from "./support.ts"

const ada = face({ decision: "match", subjectId: "ada" })
const bob = face({ decision: "match", subjectId: "bob" })
const hourMs = 3_600_000

test("a picture is kept when somebody comes or goes, of each camera for itself, and not while nothing changes", () => {
  const { wants } = createPictureThrift(hourMs)
  const at = (camera: string, ...faces: (typeof ada)[]) => wants({ camera, faces })
  expect([at("a", ada), at("a", ada), at("b", ada), at("a", ada, bob), at("a", bob, ada), at("a", ada)]).toEqual([
    ...[true, false, true, true, false, true],
  ])
  expect([at("a", face()), at("a", face()), at("a", face(), face())]).toEqual([true, false, true])
})

test("after its time, and when the last one was not kept after all, a picture is wanted again", async () => {
  const thrift = createPictureThrift(30)
  const sighting = { camera: "a", faces: [ada] }
  expect([thrift.wants(sighting), thrift.wants(sighting)]).toEqual([true, false])
  thrift.forget("a")
  expect(thrift.wants(sighting)).toBe(true)
  await Bun.sleep(40)
  expect(thrift.wants(sighting)).toBe(true)
})

test("no more cameras are remembered than there may be", () => {
  const { wants } = createPictureThrift(hourMs)
  const known = (number: number) => wants({ camera: `camera-${number}`, faces: [ada] })
  for (let number = 0; number < 1025; number++) known(number)
  expect([known(1024), known(1), known(0)]).toEqual([false, false, true])
})

test("what is kept without its picture is a sighting like any other", async () => {
  await using memory = await openMemory()
  const { store, vault, gallery } = memory
  const sightings = openSightings(store, vault, gallery.nameOf, { snapshot: { everyMs: hourMs } })
  const snapshot = new Uint8Array(100).fill(7)
  const recorded = sightings.recordAll([seen({ snapshot }), seen({ snapshot }), seen({ snapshot, camera: "back" })])
  const kept = recorded.map(
    (each) => each.kind === "recorded" && [each.sighting.hasSnapshot, sightings.snapshot(each.sighting.id)],
  )
  expect(kept).toEqual([
    [true, snapshot],
    [false, undefined],
    [true, snapshot],
  ])
  expect(sightings.totals().bytes).toBe(200 + 3 * 512)
})

test("a recording that failed did not keep its picture: the next one has it", async () => {
  await using memory = await openMemory()
  const { store, vault, gallery } = memory
  const sightings = openSightings(store, vault, gallery.nameOf, { snapshot: { everyMs: hourMs } })
  const pages = store.prepare<{ page_count: number }>("pragma page_count").get()?.page_count ?? 0
  store.prepare(`pragma max_page_count = ${pages}`).get()
  expect(sightings.record(seen({ snapshot: new Uint8Array(200_000) })).kind).toBe("not_recorded")
  store.prepare("pragma max_page_count = 100000").get()
  expect(sightings.record(seen({ snapshot: new Uint8Array(10) }))).toMatchObject({ sighting: { hasSnapshot: true } })
})

test("an engine is told of a picture what concerns it, and nothing of how often", () => {
  expect(snapshotAsked(sightingsOptions.parse({ snapshot: { everyMs: 1 } }))).toEqual({ longestSidePx: 640, quality: 80 })
})
