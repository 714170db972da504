import { assert } from "../base/assert.ts"
import type { Space } from "../face/embedding.ts"
import type { FaceChip } from "../face/face.ts"
import type { Quality } from "../face/quality.ts"
import type { Store, Transaction } from "../store/store.ts"
import { unlessBroken } from "../vault/broken.ts"
import type { ChangeRow, Changes } from "./changes.ts"
import type { Chips } from "./chips.ts"
import { type Faces, toVector } from "./faces.ts"
import type { NewFace, NewSubject, Subject } from "./gallery.ts"
import type { Moves } from "./moves.ts"
import type { Subjects } from "./subjects.ts"

/** A face without its vector, as far as other boxes are told of it. */
export interface ExchangedFace {
  readonly id: string
  readonly space: Space
  readonly source: "picture" | "vector"
  readonly quality: Quality | undefined
  readonly hasChip: boolean
}

/** A person with what the synchronisation alone has to know. */
export interface ExchangedPerson {
  readonly subject: Subject
  /** The external id that somebody else has here, if there is one. */
  readonly claimedExternalId: string | undefined
}

/** A face of another box, under its own id. */
export interface ForeignFace extends Omit<NewFace, "chip"> {
  readonly id: string
  /** Of length 1. */
  readonly vector: Float32Array
  readonly createdAtMs: number
}

interface FaceRow extends Omit<ExchangedFace, "quality" | "hasChip"> {
  readonly quality: string | null
  readonly hasChip: 0 | 1
}

interface Place {
  readonly number: number
  readonly subjectId: string
  readonly isTwin: 0 | 1
}

export interface ExchangeNeeds {
  readonly store: Store
  readonly faces: Faces
  readonly subjects: Subjects
  readonly chips: Chips
  readonly changes: Changes
  readonly moves: Pick<Moves, "moveNow">
  /** So that it follows from now on. */
  readonly openIndex: (space: Space) => void
  readonly wallClockMs: () => number
}

/** What a person is called between the moment in which another box has them erased and the one in which the last row of them is gone. */
const erasedName = "erased"

export type Exchange = ReturnType<typeof openExchange>

/**
 * What the synchronisation between boxes reads and writes of people and faces, under the ids that other boxes gave them. All of it
 * runs in the caller's transaction, and is written to the log of changes like any change: indexes follow after the commit.
 */
export function openExchange({ store, faces, subjects, chips, changes, moves, openIndex, wallClockMs }: ExchangeNeeds) {
  const selectIds = store.prepare<{ id: string }>("select id from subjects where id > ? order by id limit ?")
  const selectThere = store.prepare("select 1 from subjects where id = ?")
  const selectUpdated = store.prepare<{ atMs: number }>("select updated_at_ms as atMs from subjects where id = ?")
  const selectFaces = store.prepare<FaceRow>(`
    select faces.id, spaces.name as space, source, quality,
      exists (select 1 from face_chips where face_number = faces.number) as hasChip
    from faces join spaces on spaces.number = space_number where subject_id = ? and twin_of is null order by faces.id`)
  const selectPlace = store.prepare<Place>(
    "select number, subject_id as subjectId, twin_of is not null as isTwin from faces where id = ?",
  )
  const selectHasChip = store.prepare("select 1 from face_chips where face_number = (select number from faces where id = ?)")
  // Counted over an index, which is shorter than the rows.
  const countFaces = store.prepare<{ count: number }>(
    "select (select count(*) from faces) - (select count(*) from faces where twin_of is not null) as count",
  )
  const removeChip = store.prepare("delete from face_chips where face_number = ?")
  const removeImpostors = store.prepare("delete from impostors where subject_id = ?")
  let counted: { readonly seq: number; readonly dataVersion: number; readonly faces: number } | undefined

  return {
    lastSeq: changes.lastSeq,
    changesAfter: (seq: number, limit: number): readonly ChangeRow[] => changes.after(seq, limit),
    /** The next people after an id, rising. */
    subjectIdsAfter: (id: string, limit: number): readonly string[] => selectIds.all(id, limit).map((row) => row.id),
    isThere: (subjectId: string): boolean => selectThere.get(subjectId) !== undefined,

    /** `undefined` also for somebody whose row does not open: `isThere` tells. */
    person: (subjectId: string): ExchangedPerson | undefined =>
      unlessBroken(() => {
        const subject = subjects.get(subjectId)
        if (subject === undefined) return undefined
        return { subject, claimedExternalId: subject.externalId === undefined ? subjects.claimOf(subjectId) : undefined }
      }),
    updatedAtMs: (subjectId: string): number | undefined => selectUpdated.get(subjectId)?.atMs,
    holderOf: subjects.holderOf,
    facesOf: (subjectId: string): readonly ExchangedFace[] =>
      selectFaces.all(subjectId).map(({ quality, hasChip, ...face }) => ({
        ...face,
        quality: quality === null ? undefined : (JSON.parse(quality) as Quality),
        hasChip: hasChip === 1,
      })),
    /** `undefined` also for one that does not open. */
    vectorOf: (faceId: string): Float32Array | undefined =>
      unlessBroken(() => {
        const stored = faces.vectorOf(faceId)
        return stored && toVector(stored.vector)
      }),
    hasChip: (faceId: string): boolean => selectHasChip.get(faceId) !== undefined,
    chipOf: (faceId: string): FaceChip | undefined => unlessBroken(() => chips.of(faceId) ?? undefined),
    placeOf: (faceId: string): Place | undefined => selectPlace.get(faceId),

    /** Without twins. */
    facesCount(): number {
      // Within this process every change of the number has a row in the log; another process moves the other number.
      const [seq, dataVersion] = [changes.lastSeq(), store.dataVersion()]
      if (counted?.seq !== seq || counted.dataVersion !== dataVersion)
        counted = { seq, dataVersion, faces: countFaces.get()?.count ?? 0 }
      return counted.faces
    },

    /**
     * The external id is nobody else's.
     * @param claimed the one that somebody else has
     */
    putPerson(id: string, fields: NewSubject, claimed: string | undefined, createdAtMs: number): void {
      subjects.putNow(id, fields, claimed, createdAtMs)
    },
    removePerson: (id: string, transaction: Transaction): void => subjects.removeNow(id, transaction),

    /**
     * Nobody finds the person any more, by face or by name. The row stays until everything that refers to it has been taken away,
     * which is more than a transaction does (app/people/eraser.ts).
     * @returns ids of the faces the person had
     */
    stripPerson(id: string, transaction: Transaction): readonly string[] {
      const faceIds = selectFaces.all(id).map((face) => face.id)
      faces.deleteAllOf(id, transaction, wallClockMs())
      removeImpostors.run(id)
      subjects.putNow(id, { name: erasedName }, undefined, wallClockMs())
      return faceIds
    },

    /** The person is there, and nothing has the face's id. */
    addFace(face: ForeignFace, transaction: Transaction): void {
      faces.insertNow(face, wallClockMs(), transaction)
      // An empty box is given a hundred thousand before anybody searches.
      transaction.afterCommit(() => openIndex(face.space))
    },
    removeFace: (id: string, transaction: Transaction): boolean => faces.deleteNow(id, transaction),
    moveFace(id: string, fromId: string, intoId: string, transaction: Transaction): void {
      moves.moveNow(fromId, [id], intoId, transaction)
    },
    /** Of a face that has none. */
    addChip(faceId: string, chip: FaceChip): void {
      const place = selectPlace.get(faceId)
      assert(place !== undefined, "a chip is of a face that is there")
      chips.add({ number: place.number, id: faceId, subjectId: place.subjectId }, chip)
    },
    removeChip(faceId: string): void {
      const place = selectPlace.get(faceId)
      if (place !== undefined) removeChip.run(place.number)
    },
  }
}
