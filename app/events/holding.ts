import { z } from "zod"
import { type HeldFile, type Holding, jsonFile } from "../base/holding.ts"
import type { Store } from "../store/store.ts"
import type { SightedFace, Sighting, SightingCursor, Sightings } from "./sighting.ts"

/** Erased in one transaction, during which nobody is answered: with pictures of 50 KB each, 0.6 ms for each of them. */
const stepRows = 10
const pageRows = 100

/** Number of the sighting, position of the face. */
const placesSchema = z.array(z.tuple([z.int(), z.int()]))

/**
 * What was seen of a person, or may have been. A frame on which others are seen too stays as their sighting, without its picture:
 * that one shows where the person was and with whom, also with the face covered.
 */
export function sightingsHolding(store: Store, sightings: Pick<Sightings, "list" | "snapshot" | "shredMonths">): Holding {
  const selectNumbers = store.prepare<{ number: number }>(
    `select distinct sighting_number as number from sighting_faces where subject_id = ? limit ${stepRows}`,
  )
  const removeFaces = store.prepare("delete from sighting_faces where sighting_number = ? and subject_id = ?")
  const selectOthers = store.prepare("select 1 from sighting_faces where sighting_number = ? limit 1")
  const removeSighting = store.prepare("delete from sightings where number = ?")
  const removeSnapshot = store.prepare("delete from sighting_snapshots where sighting_number = ?")
  const discount = store.prepare(`
    update sighting_totals set snapshot_bytes = snapshot_bytes - coalesce((select snapshot_bytes from sightings where number = ?), 0)`)
  const forgetSnapshot = store.prepare("update sightings set snapshot_bytes = null where number = ?")

  const selectPlaces = store.prepare<{ number: number; position: number }>(
    "select sighting_number as number, position from sighting_faces where subject_id = ? order by sighting_number, position",
  )
  const move = store.prepare("update sighting_faces set subject_id = ? where subject_id = ?")
  const moveBack = store.prepare(
    "update sighting_faces set subject_id = ? where sighting_number = ? and position = ? and subject_id = ?",
  )

  function eraseFrom(number: number, subjectId: string): void {
    removeFaces.run(number, subjectId)
    if (selectOthers.get(number) === undefined) {
      removeSighting.run(number)
      return
    }
    removeSnapshot.run(number)
    discount.run(number)
    forgetSnapshot.run(number)
  }

  return {
    name: "sightings",
    tables: ["sightings", "sighting_faces", "sighting_snapshots"],

    async *files({ subjectId }) {
      for (let after: SightingCursor | undefined, more = true; more; ) {
        const { items, next } = sightings.list({ subjectId }, pageRows, after)
        for (const sighting of items) yield* filesOf(sighting, subjectId)
        after = next
        more = next !== undefined
      }
    },

    erase: ({ subjectId }) =>
      store.transact<number>(() => {
        const numbers = selectNumbers.all(subjectId)
        for (const { number } of numbers) eraseFrom(number, subjectId)
        sightings.shredMonths()
        return numbers.length
      }),

    move(fromId, toId) {
      const places = selectPlaces.all(fromId).map(({ number, position }) => [number, position])
      move.run(toId, fromId)
      return places
    },
    moveBack(moved, fromId, toId) {
      for (const [number, position] of placesSchema.parse(moved)) moveBack.run(toId, number, position, fromId)
    },
  }

  async function* filesOf(sighting: Sighting, subjectId: string): AsyncGenerator<HeldFile> {
    const { id, camera, capturedAtMs, recordedAtMs, image } = sighting
    const own = sighting.faces.filter((face) => face.subjectId === subjectId)
    const others = sighting.faces.filter((face) => face.subjectId !== subjectId)
    const jpeg = await pictureOf(sighting, others)
    const told = { id, camera, capturedAtMs, recordedAtMs, image, faces: own, othersInTheFrame: others.length }
    const picture = jpeg === "unreadable" ? "cannot be read, and so not covered" : jpeg === undefined ? "none" : `${id}.jpg`
    yield jsonFile(`sightings/${id}.json`, { ...told, picture })
    if (jpeg instanceof Uint8Array) yield { name: `sightings/${id}.jpg`, bytes: jpeg }
  }

  /** With everybody else covered. */
  async function pictureOf({ id, image }: Sighting, others: readonly SightedFace[]) {
    const snapshot = sightings.snapshot(id)
    if (snapshot === undefined || others.length === 0) return snapshot
    // The library is native and large: it is loaded when the first picture is asked for.
    const { coverFaces } = await import("./pictures/cover.ts")
    try {
      return await coverFaces(
        snapshot,
        image,
        others.map(({ box }) => box),
      )
    } catch {
      // A picture that was damaged on the disk: all the rest can still be told.
      return "unreadable"
    }
  }
}
