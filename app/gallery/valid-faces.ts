import type { Store } from "../store/store.ts"
import { isValidAt } from "./subject-details.ts"

/** `number` is absent for a subject without a face in the space. */
interface Row {
  readonly subjectId: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
  readonly number: number | null
}

interface Kept {
  readonly seq: number
  /** They are the valid ones from this moment on … */
  readonly fromMs: number
  /** … until this one. */
  readonly untilMs: number
  readonly numbers: Float64Array<ArrayBuffer>
}

/** With a face or two each, a page is read within a millisecond or so. */
const subjectsPerPage = 250

/** After every id: those are hexadecimal. */
const lastId = "~"

export type ValidFaces = ReturnType<typeof openValidFaces>

/**
 * Numbers of the faces of people who are valid at a moment, rising. Read page by page, at a cost that does not depend on how many
 * have expired, and kept while nothing changes: somebody who has expired stands before a camera for many frames.
 * @param lastSeq of the log of changes, in which every change of people and faces stands
 */
export function openValidFaces(store: Store, lastSeq: () => number) {
  // The plus keeps SQLite from walking all faces of the space for each subject.
  const facesOf = (subjects: string) => `
    select page.id as subjectId, valid_from_ms as validFromMs, valid_until_ms as validUntilMs, number
    from (select id, valid_from_ms, valid_until_ms from subjects where ${subjects} order by valid_until_ms, id limit ?) as page
    left join faces on subject_id = page.id and +space_number = ? order by valid_until_ms, page.id`
  const selectEndless = store.prepare<Row>(facesOf("valid_until_ms is null and id > ?"))
  const selectEnding = store.prepare<Row>(facesOf("(valid_until_ms, id) > (?, ?)"))
  const kept = new Map<number, Kept>()

  /** Of all who have not expired; who is not valid yet is among them. */
  function* pages(spaceNumber: number, atMs: number): Generator<readonly Row[], void> {
    for (let after = ""; ; ) {
      const rows = selectEndless.all(after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield rows
      after = last.subjectId
    }
    for (let [untilMs, after] = [atMs, lastId]; ; ) {
      const rows = selectEnding.all(untilMs, after, subjectsPerPage, spaceNumber)
      const last = rows.at(-1)
      if (last === undefined) break
      yield rows
      untilMs = last.validUntilMs ?? untilMs
      after = last.subjectId
    }
  }

  async function read(spaceNumber: number, atMs: number): Promise<Kept> {
    // What changes meanwhile is seen or not; the next one to ask reads again.
    const seq = lastSeq()
    const numbers: number[] = []
    let untilMs = Number.POSITIVE_INFINITY
    for (const page of pages(spaceNumber, atMs)) {
      for (const { number, ...validity } of page) {
        const isValid = isValidAt(atMs, validity)
        const changesAtMs = isValid ? validity.validUntilMs : validity.validFromMs
        untilMs = Math.min(untilMs, changesAtMs ?? Number.POSITIVE_INFINITY)
        if (isValid && number !== null) numbers.push(number)
      }
      await new Promise<void>((resume) => setImmediate(resume))
    }
    return { seq, fromMs: atMs, untilMs, numbers: Float64Array.from(numbers).sort() }
  }

  return async (spaceNumber: number, atMs: number): Promise<Float64Array<ArrayBuffer>> => {
    const before = kept.get(spaceNumber)
    if (before?.seq === lastSeq() && before.fromMs <= atMs && atMs < before.untilMs) return before.numbers
    const now = await read(spaceNumber, atMs)
    kept.set(spaceNumber, now)
    return now.numbers
  }
}
