import type { Space } from "../face/embedding.ts"
import type { Store } from "../store/store.ts"
import type { Openers } from "./secrets.ts"
import type { NumberedSpace, NumberedVector } from "./vectors.ts"

/** A face of somebody who has not expired. */
export interface ValidVector extends NumberedVector {
  readonly subjectId: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
}

/** The last three are absent for a subject without a face in the space. */
type Row = Pick<ValidVector, "subjectId" | "validFromMs" | "validUntilMs"> & {
  readonly number: number | null
  readonly id: string | null
  readonly stored: Uint8Array | null
}

/** With a face or two each, a page is read and compared within a millisecond or so. */
const subjectsPerPage = 250

/** After every id: those are hexadecimal. */
const lastId = "~"

export type ValidVectors = ReturnType<typeof openValidVectors>

/**
 * The faces of people who have not expired, page by page, at a cost that does not depend on how many have. Whoever is not valid
 * yet is among them. What changes while somebody reads is seen or not.
 */
export function openValidVectors(store: Store, openers: Openers) {
  // The plus keeps SQLite from walking all faces of the space for each subject.
  const facesOf = (subjects: string) => `
    select page.id as subjectId, valid_from_ms as validFromMs, valid_until_ms as validUntilMs, number, faces.id, vector as stored
    from (select id, valid_from_ms, valid_until_ms from subjects where ${subjects} order by valid_until_ms, id limit ?) as page
    left join faces on subject_id = page.id and +space_number = ? order by valid_until_ms, page.id`
  const selectEndless = store.prepare<Row>(facesOf("valid_until_ms is null and id > ?"))
  const selectEnding = store.prepare<Row>(facesOf("(valid_until_ms, id) > (?, ?)"))

  const openAll = (space: Space, rows: readonly Row[]): readonly ValidVector[] =>
    rows.flatMap(({ number, id, stored, ...valid }) => {
      const isThere = number !== null && id !== null && stored !== null
      const vector = isThere ? openers.vector({ id, subjectId: valid.subjectId, space }, stored) : undefined
      return isThere && vector !== undefined ? [{ ...valid, number, vector }] : []
    })

  return function* validVectors({ space, spaceNumber }: NumberedSpace, atMs: number): Generator<readonly ValidVector[], void> {
    for (let after = ""; ; ) {
      const rows = selectEndless.all(after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield openAll(space, rows)
      after = last.subjectId
    }
    for (let [untilMs, after] = [atMs, lastId]; ; ) {
      const rows = selectEnding.all(untilMs, after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield openAll(space, rows)
      untilMs = last.validUntilMs ?? untilMs
      after = last.subjectId
    }
  }
}
