import type { Space } from "../face/embedding.ts"
import type { Store } from "../store/store.ts"
import type { Changes, FaceChange } from "./changes.ts"
import type { Openers } from "./secrets.ts"

/** A face with its vector, under the number by which indexes know it. */
export interface NumberedVector {
  readonly number: number
  readonly vector: Uint8Array
}

/** As it is in the table, and `undefined` when it does not open. */
export interface CheckedVector {
  readonly number: number
  readonly vector: Uint8Array | undefined
}

/** A space with the number by which its faces name it. */
export interface NumberedSpace {
  readonly space: Space
  readonly spaceNumber: number
}

interface Row {
  readonly number: number
  readonly id: string
  readonly subjectId: string
  readonly stored: Uint8Array
}

export type Vectors = ReturnType<typeof openVectors>

/** All vectors of a space, for what is made from them. One that does not open is in no index, and named in the log. */
export function openVectors(store: Store, changes: Changes, openers: Openers) {
  const select = store.prepare<Row>(`
    select number, id, subject_id as subjectId, vector as stored from faces
    where space_number = ? and number > ? order by number limit ?`)

  const selectAt = store.prepare<Omit<Row, "number">>(
    "select id, subject_id as subjectId, vector as stored from faces where space_number = ? and number = ?",
  )

  function checkedAfter({ space, spaceNumber }: NumberedSpace, number: number, limit: number): readonly CheckedVector[] {
    const rows = select.all(spaceNumber, number, limit)
    return rows.map(({ number, id, subjectId, stored }) => ({
      number,
      vector: openers.vector({ id, subjectId, space }, stored),
    }))
  }

  return {
    checkedAfter,

    /** Rising; none after the last one. */
    after(space: NumberedSpace, number: number, limit: number): readonly NumberedVector[] {
      for (let seen = number; ; ) {
        const page = checkedAfter(space, seen, limit)
        const last = page.at(-1)
        const sound = page.filter(isSound)
        if (last === undefined || sound.length > 0) return sound
        seen = last.number
      }
    },

    at({ space, spaceNumber }: NumberedSpace, number: number): Uint8Array | undefined {
      const row = selectAt.get(spaceNumber, number)
      return row && openers.vector({ id: row.id, subjectId: row.subjectId, space }, row.stored)
    },

    /** What happened to the faces of a space after a change. */
    changedSince: ({ space, spaceNumber }: NumberedSpace, seq: number, limit: number): readonly FaceChange[] =>
      changes.facesSince(spaceNumber, seq, limit).map(({ seq, faceNumber, id, subjectId, stored }) => {
        const isThere = id !== null && subjectId !== null && stored !== null
        return { seq, faceNumber, vector: (isThere && openers.vector({ id, subjectId, space }, stored)) || null }
      }),
  }
}

function isSound(row: CheckedVector): row is NumberedVector {
  return row.vector !== undefined
}
