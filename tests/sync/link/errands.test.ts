import { expect, test } from "bun:test"
import { silentLog } from "../../../app/base/log.ts"
import { openSightings } from "../../../app/events/sightings.ts"
import { openGallery } from "../../../app/gallery/open.ts"
import { encodeBoxStatus, parseBoxStatus } from "../../../app/sync/link/box-status.ts"
import { rereadRefused } from "../../../app/sync/link/reread.ts"
import { openSighting, sealSightings } from "../../../app/sync/link/sealed-sightings.ts"
import { keepServiceStatus, readServiceStatus } from "../../../app/sync/link/service-status.ts"
import { createSightingsErrand } from "../../../app/sync/link/sightings-errand.ts"
import { parseBatch } from "../../../app/sync/sightings.ts"
import { face, record } from "../../events/support.ts"
import { suiteOf } from "../../sim/suite.ts"
import { createTestSite } from "../site.ts"
import { openTestSyncStore } from "../store/support.ts"
import { boxA, boxB, createSite, utf8Of } from "../support.ts"
import { createLines, until } from "./support.ts"

test("sightings go up sealed for the site, by ids and without names", async () => {
  using opened = openTestSyncStore()
  opened.sync.enter(boxA)
  const site = createSite(suiteOf("aes"), [boxA, boxB])
  const gallery = await openGallery(opened.store, opened.vault)
  const { id } = gallery.createSubject("Ada Lovelace")
  const sightings = openSightings(opened.store, opened.vault, gallery.nameOf)
  expect(record(sightings, { faces: [face({ decision: "match", subjectId: id })] }).faces[0]?.name).toBe("Ada Lovelace")
  record(sightings, {})
  const test = createTestSite([boxA])
  const hub = (await createLines().connect(test.boxes[0]!)).value
  const errand = createSightingsErrand(opened.sync.sightings(sealSightings(sightings, site.keysOf(boxA)), 1e6))
  expect(await errand.run(hub)).toEqual({ kind: "done" })
  const [origin] = [...test.hub.keys("sightings")]
  expect(origin).toStartWith(boxA)
  const batches = test.hub.all("sightings", origin!).flatMap(({ bytes }) => parseBatch(bytes) ?? [])
  expect(batches.map(({ number }) => number)).toEqual([1, 2])
  const seen = batches.map(({ bytes }) => openSighting(site.keysOf(boxB), bytes))
  expect(seen[0]).toMatchObject({ camera: "front", faces: [{ decision: "match", subjectId: id }] })
  expect(JSON.stringify(seen)).not.toContain("Ada")
  const stranger = createSite(suiteOf("aes"), [boxB]).keysOf(boxB)
  expect(openSighting({ ...stranger, siteKey: () => new Uint8Array(32) }, batches[0]!.bytes)).toBeUndefined()
  expect(openSighting(site.keysOf(boxB), batches[0]!.bytes.subarray(1))).toBeUndefined()
  await gallery.close()
})

test("what was refused for want of a key or a member is read again, and nothing else is", () => {
  const site = createTestSite([boxA])
  const { disk } = site.boxes[0]!
  const at = () => disk.transact((tables) => [tables.position("erasures"), tables.position("records")])
  const set = () =>
    disk.transact((tables) => {
      tables.setPosition("erasures", 50)
      tables.setPosition("records", 500)
      tables.setMarkers("records", [
        { sequence: 100, name: "early" },
        { sequence: 400, name: "late" },
      ])
    })
  const entry = (sequence: number, kind: string) => ({ stream: "records", sequence, key: "k", kind, why: "w" }) as const
  set()
  expect(rereadRefused(disk, [entry(20, "bad_signature")], 200)).toBe(false)
  expect(at()).toEqual([50, 500])
  rereadRefused(disk, [entry(300, "no_key"), entry(200, "unknown_box"), entry(20, "bad_seal")], 200)
  expect(at()).toEqual([50, 199])
  expect(disk.transact((tables) => tables.markers("records")).map(({ name }) => name)).toEqual(["early"])
  set()
  // As many as are kept: earlier ones may have been forgotten.
  rereadRefused(disk, [entry(300, "no_key"), entry(301, "no_key")], 2)
  expect(at()).toEqual([0, 0])
  set()
  // Of an erasure, say, that was read before two hundred records.
  rereadRefused(disk, [entry(300, "bad_signature"), entry(301, "bad_signature")], 2)
  expect(at()).toEqual([0, 0])
})

test("what a box says of itself is read by others, and what is none is not", () => {
  const status = { version: "1.2.3", outbox: 4, position: { erasures: 5, records: 6 } }
  expect(parseBoxStatus(encodeBoxStatus(status))).toEqual(status)
  for (const text of ["", "[]", "{", JSON.stringify({ ...status, outbox: -1 })])
    expect(parseBoxStatus(utf8Of(text))).toBeUndefined()
})

test("the service leaves word for commands, and takes it along when it ends", async () => {
  using opened = openTestSyncStore()
  const { settings } = opened.sync
  expect(readServiceStatus(settings, Date.now())).toBeUndefined()
  const counts = { rounds: 1, applied: 0, stored: 0, offeredAgain: 0, refused: 0, withheld: 0 }
  const status = { state: "connecting", why: "nothing listens", lag: { records: 0, seconds: 3 }, counts } as const
  const kept = keepServiceStatus(settings, () => status, silentLog)
  await until("it has said so", () => readServiceStatus(settings, Date.now()) !== undefined)
  expect(readServiceStatus(settings, Date.now())?.status).toEqual(status)
  // A process that was killed left it behind.
  expect(readServiceStatus(settings, Date.now() + 600_000)).toBeUndefined()
  kept.close()
  expect(readServiceStatus(settings, Date.now())).toBeUndefined()
})
