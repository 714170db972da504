import type { Store } from "../store/store.ts"
import type { NumberedVector } from "./faces.ts"

/** A face of somebody who has not expired. */
export interface ValidVector extends NumberedVector {
  readonly subjectId: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
}

/** The last two are absent for a subject without a face in the space. */
type Row = Pick<ValidVector, "subjectId" | "validFromMs" | "validUntilMs"> & {
  readonly [Key in keyof NumberedVector]: NumberedVector[Key] | null
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
export function openValidVectors(store: Store) {
  // The plus keeps SQLite from walking all faces of the space for each subject.
  const facesOf = (subjects: string) => `
    select page.id as subjectId, valid_from_ms as validFromMs, valid_until_ms as validUntilMs, number, vector
    from (select id, valid_from_ms, valid_until_ms from subjects where ${subjects} order by valid_until_ms, id limit ?) as page
    left join faces on subject_id = page.id and +space_number = ? order by valid_until_ms, page.id`
  const selectEndless = store.prepare<Row>(facesOf("valid_until_ms is null and id > ?"))
  const selectEnding = store.prepare<Row>(facesOf("(valid_until_ms, id) > (?, ?)"))

  return function* validVectors(spaceNumber: number, atMs: number): Generator<readonly ValidVector[], void> {
    for (let after = ""; ; ) {
      const rows = selectEndless.all(after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield rows.filter(hasFace)
      after = last.subjectId
    }
    for (let [untilMs, after] = [atMs, lastId]; ; ) {
      const rows = selectEnding.all(untilMs, after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield rows.filter(hasFace)
      untilMs = last.validUntilMs ?? untilMs
      after = last.subjectId
    }
  }
}

function hasFace(row: Row): row is Row & NumberedVector {
  return row.number !== null && row.vector !== null
}
