import { assert } from "../base/assert.ts"
import type { Store } from "../store/store.ts"
import { isDiskFull, storageTrouble } from "../store/trouble.ts"
import { BrokenSeal } from "../vault/broken.ts"
import type { Vault } from "../vault/vault.ts"
import { gatherRecords } from "./gather.ts"
import type { SightingsOptions } from "./options.ts"
import type { NewSighting, Recorded, Sighting, Sightings } from "./sighting.ts"
import { openSightingLists } from "./sighting-lists.ts"
import { type NameOf, openSightingRows } from "./sighting-rows.ts"
import { openMonthShredder, openSnapshots } from "./snapshots.ts"
import { createPictureThrift } from "./thrift.ts"

/** Of the options, for those that may wait for each other, and for pictures that show nothing new. */
type WrittenLess = Partial<Pick<SightingsOptions, "commitEveryMs">> & {
  readonly snapshot?: Pick<SightingsOptions["snapshot"], "everyMs">
}

interface NotRecorded {
  readonly kind: "not_recorded"
  readonly why: string
  readonly diskFull: boolean
}

/** Measured: 200,000 sightings of one face, without pictures, took 468 bytes each with their indexes. */
export const rowBytes = 512

/**
 * @param nameOf a subject of the gallery, which keeps the names
 * @param options what is written less often than it comes; all of it at once when not said
 */
export function openSightings(store: Store, vault: Vault, nameOf: NameOf, options: WrittenLess = {}): Sightings {
  const rows = openSightingRows(store, nameOf)
  const lists = openSightingLists(store, rows)
  const snapshots = openSnapshots(store, vault)
  const shredMonths = openMonthShredder(store, vault)
  const pictures = createPictureThrift(options.snapshot?.everyMs ?? 0)
  const followers: ((sighting: Sighting) => void)[] = []

  const insert = store.prepare<{ number: number }>(
    `insert into sightings
       (id, camera, request_id, captured_at_ms, recorded_at_ms, image_width, image_height, snapshot_bytes)
     values (?, ?, ?, ?, ?, ?, ?, ?) returning number`,
  )
  // A subject that was deleted while the engines were at work is forgotten like one that is deleted later.
  const insertFace = store.prepare(
    `insert into sighting_faces
       (sighting_number, position, camera, captured_at_ms, x, y, width, height, score, quality_score, decision, subject_id, similarity)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select id from subjects where id = ?), ?)`,
  )
  const deleteOne = store.prepare("delete from sightings where id = ?")
  const selectNewest = store.prepare<{ seq: number }>("select seq from sqlite_sequence where name = 'sightings'")
  const selectOldest = store.prepare<{ number: number }>("select number from sightings order by number limit 1")
  const selectTotals = store.prepare<{ sightings: number; snapshotBytes: number }>(
    "select sightings, snapshot_bytes as snapshotBytes from sighting_totals",
  )

  function insertOne(given: NewSighting): Sighting {
    const { camera, requestId, capturedAtMs, image, faces } = given
    const snapshot = given.snapshot !== undefined && pictures.wants(given) ? given.snapshot : undefined
    const bytes = snapshot?.length ?? null
    const recordedAtMs = Date.now()
    const values = [Bun.randomUUIDv7(), camera, requestId, capturedAtMs, recordedAtMs, image.width, image.height, bytes]
    const number = insert.get(...values)?.number
    assert(number !== undefined, "an inserted sighting has a number")
    for (const [position, { box, score, qualityScore, decision, subjectId, similarity }] of faces.entries()) {
      const where = [number, position, camera, capturedAtMs, box.x, box.y, box.width, box.height]
      insertFace.run(...where, score, qualityScore, decision, subjectId ?? null, similarity ?? null)
    }
    if (snapshot !== undefined) snapshots.add(number, recordedAtMs, snapshot)
    const sighting = rows.ofNumbers([number])[0]
    assert(sighting !== undefined, "an inserted sighting can be read")
    return sighting
  }

  type Tried = { readonly kind: "recorded"; readonly sightings: readonly Sighting[] } | NotRecorded

  function tryToRecord(given: readonly NewSighting[]): Tried {
    try {
      const sightings = store.transact<readonly Sighting[]>((transaction) => {
        const inserted = given.map(insertOne)
        transaction.afterCommit(() => {
          for (const sighting of inserted) for (const follow of followers) follow(sighting)
        })
        return inserted
      })
      return { kind: "recorded", sightings }
    } catch (error) {
      for (const { camera } of given) pictures.forget(camera)
      // Somebody changed the key of this month on the disk: recognition goes on all the same.
      const why = error instanceof BrokenSeal ? error.message : storageTrouble(error)
      if (why === undefined) throw error
      return { kind: "not_recorded", why, diskFull: isDiskFull(error) }
    }
  }

  function recordAll(given: readonly NewSighting[]): Recorded[] {
    for (const { faces } of given) assert(faces.length > 0, "a sighting has at least one face")
    const first = tryToRecord(given)
    // A disk that was found full has some room since.
    const last = first.kind === "not_recorded" && first.diskFull ? tryToRecord(given) : first
    if (last.kind === "recorded") return last.sightings.map((sighting) => ({ kind: "recorded", sighting }))
    if (given.length > 1) return given.map(record)
    return given.map(() => ({ kind: "not_recorded", why: last.why }))
  }

  function record(given: NewSighting): Recorded {
    const recorded = recordAll([given])[0]
    assert(recorded !== undefined, "each has an outcome")
    return recorded
  }

  return {
    record,
    recordAll,
    recordSoon: gatherRecords(recordAll, options.commitEveryMs ?? 0),

    ...lists,
    get: rows.get,
    snapshot: snapshots.of,
    delete: (id) =>
      store.transact<boolean>(() => {
        const deleted = deleteOne.run(id) > 0
        shredMonths()
        return deleted
      }),
    shredMonths,
    newestNumber: () => selectNewest.get()?.seq ?? 0,
    oldestNumber: () => selectOldest.get()?.number,
    totals() {
      const { sightings = 0, snapshotBytes = 0 } = selectTotals.get() ?? {}
      return { sightings, bytes: snapshotBytes + sightings * rowBytes }
    },
    follow: (follower) => {
      followers.push(follower)
    },
  }
}
