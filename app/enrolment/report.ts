import { assert } from "../base/assert.ts"
import { externalIdDigest, nameDigest } from "../gallery/subject-rows.ts"
import type { LookAlike } from "../pipeline/look-alikes.ts"
import type { SqlValue, Statement, Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { Item, ItemResult, PersonKey } from "./item.ts"
import type { JobItem, JobItemsPage, JobItemsQuery } from "./job.ts"
import { type ItemDetails, openJson, ownerOf, type PersonDetails, placeOfItem, placeOfPerson, sealJson } from "./secrets.ts"

/** What is written of an item. */
export interface ReportedItem {
  readonly result: ItemResult
  readonly why?: string | undefined
  /** Absent when the item names nobody whom the gallery knows. */
  readonly subjectId?: string | undefined
  readonly faceId?: string | undefined
  readonly checksum?: Uint8Array | undefined
}

export type Report = ReturnType<typeof openReport>

interface ItemRow {
  readonly jobId: string
  readonly position: number
  readonly details: Uint8Array
  readonly personNumber: number | null
  readonly personDetails: Uint8Array | null
  readonly result: ItemResult
  readonly subjectId: string | null
  readonly faceId: string | null
}

interface LookAlikeRow extends Omit<LookAlike, "name"> {
  readonly position: number
}

const pageMax = 1000
/** A line with much wrong in it is told no longer than this. */
const whyCharactersMax = 500
const fileCharactersMax = 300

/**
 * What became of the items of each job. Names leave with the people they belong to.
 * @param nameOf a person of the gallery, by the subject's id
 */
export function openReport(store: Store, vault: Vault, nameOf: (subjectId: string) => string | undefined) {
  const selectJobId = store.prepare<{ id: string }>("select id from enrolments where number = ?")
  const selectPerson = store.prepare<{ number: number; subjectId: string | null }>(`
    select number, subject_id as subjectId from enrolment_people
    where enrolment_number = ? and name_digest = ? and external_id_digest is ? limit 1`)
  const insertPerson = store.prepare<{ number: number }>(`
    insert into enrolment_people (enrolment_number, name_digest, external_id_digest, subject_id) values (?, ?, ?, ?) returning number`)
  const updatePerson = store.prepare("update enrolment_people set details = ?, subject_id = ? where number = ?")
  const selectSubject = store.prepare<{ subjectId: string | null }>(
    "select subject_id as subjectId from enrolment_people where number = ?",
  )
  const insertItem = store.prepare(`
    insert into enrolment_items (enrolment_number, position, person_number, details, result, face_id)
    values (?, ?, ?, ?, ?, ?)`)
  const selectItemsOf = store.prepare<{ position: number; details: Uint8Array }>(
    "select position, details from enrolment_items where person_number = ? order by position",
  )
  const updateItem = store.prepare("update enrolment_items set details = ? where enrolment_number = ? and position = ?")
  const insertLookAlike = store.prepare(`
    insert into enrolment_look_alikes (enrolment_number, position, subject_id, similarity, decision)
    select ?, ?, id, ?, ? from subjects where id = ? on conflict do nothing`)
  const selectDone = store.prepare("select 1 from enrolment_items where enrolment_number = ? and position = ?")
  const selectLookAlikes = store.prepare<LookAlikeRow>(`
    select position, subject_id as subjectId, similarity, decision from enrolment_look_alikes
    where enrolment_number = ? and position between ? and ? order by position, similarity desc`)
  const selectEnrolled = store.prepare<{ position: number; faceId: string }>(`
    select position, face_id as faceId from enrolment_items as item
    where enrolment_number = ? and position >= ? and result = 'enrolled' and not exists (
      select 1 from enrolment_look_alikes as near
      where near.enrolment_number = item.enrolment_number and near.position = item.position)`)
  const pages = new Map<string, Statement<ItemRow>>()

  function jobIdOf(job: number): string {
    const row = selectJobId.get(job)
    assert(row !== undefined, "an item is reported while its job is there")
    return row.id
  }

  function personNumber(job: number, { name, externalId }: PersonKey, subjectId: string | undefined): number {
    const digests = [nameDigest(vault, name), externalId === undefined ? null : externalIdDigest(vault, externalId)] as const
    const present = selectPerson.get(job, ...digests)
    const known = subjectId ?? present?.subjectId ?? null
    if (present !== undefined && present.subjectId === known) return present.number
    const number = present?.number ?? insertPerson.get(job, ...digests, known)?.number
    assert(number !== undefined, "a new row has a number")
    const jobId = jobIdOf(job)
    updatePerson.run(sealJson(vault, ownerOf(jobId, known), placeOfPerson(number), { name, externalId }), known, number)
    if (present !== undefined) sealAgain(job, present, ownerOf(jobId, present.subjectId), ownerOf(jobId, known))
    return number
  }

  /** What was told of somebody before the gallery knew them is theirs now, and goes with them. */
  function sealAgain(job: number, { number }: { readonly number: number }, from: string, to: string): void {
    for (const { position, details } of selectItemsOf.all(number)) {
      const tried = vault.tryOpen(from, placeOfItem(job, position), details)
      // One that is broken stays as it is: the report names it.
      if (tried.kind === "opened") updateItem.run(vault.seal(to, placeOfItem(job, position), tried.plain), job, position)
    }
  }

  function selectPage(sql: string): Statement<ItemRow> {
    const present = pages.get(sql) ?? store.prepare<ItemRow>(sql)
    pages.set(sql, present)
    return present
  }

  /** Who was deleted in this very moment is left out. */
  function named(rows: readonly LookAlikeRow[]): readonly LookAlike[] {
    return rows.flatMap(({ subjectId, similarity, decision }) => {
      const name = nameOf(subjectId)
      return name === undefined ? [] : [{ subjectId, name, similarity, decision }]
    })
  }

  return {
    isDone: (job: number, position: number): boolean => selectDone.get(job, position) !== undefined,

    /** To be called in a transaction: with the person, the face, or by itself. */
    addPerson(job: number, person: PersonKey, subjectId: string): void {
      personNumber(job, person, subjectId)
    },

    /** To be called in a transaction. */
    add(job: number, { position, file, person }: Item, { result, why, subjectId, faceId, checksum }: ReportedItem): void {
      const number = person === undefined ? null : personNumber(job, person, subjectId)
      const known = number === null ? null : (selectSubject.get(number)?.subjectId ?? null)
      const told = {
        file: file.slice(0, fileCharactersMax),
        why: why?.slice(0, whyCharactersMax),
        sha256: checksum && Buffer.from(checksum).toString("hex"),
      }
      const details = sealJson(vault, ownerOf(jobIdOf(job), known), placeOfItem(job, position), told)
      insertItem.run(job, position, number, details, result, faceId ?? null)
    },

    /** To be called in a transaction, after `add`. Whether the item is still there: its person may have been deleted meanwhile. */
    addLookAlikes(job: number, position: number, lookAlikes: readonly LookAlike[]): boolean {
      if (selectDone.get(job, position) === undefined) return false
      for (const { subjectId, similarity, decision } of lookAlikes)
        insertLookAlike.run(job, position, similarity, decision, subjectId)
      return true
    },

    /** Faces of items from a position on of which no look-alike is known. */
    enrolledSince: (job: number, position: number) => selectEnrolled.all(job, position),

    page(job: number, { limit, after = -1, result }: JobItemsQuery): JobItemsPage {
      assert(Number.isInteger(limit) && limit >= 1 && limit <= pageMax, `a page holds 1 to ${pageMax} items`)
      const { condition, values } = conditionOf(result)
      // One more than asked tells whether there is another page.
      const rows = selectPage(pageSql(condition)).all(job, after, ...values, limit + 1)
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      if (last === undefined) return { items: [] }
      const near = Map.groupBy(selectLookAlikes.all(job, items[0]?.position ?? 0, last.position), ({ position }) => position)
      const told = items.map((row) => toItem(vault, job, row, named(near.get(row.position) ?? [])))
      return rows.length > limit ? { items: told, next: last.position } : { items: told }
    },
  }
}

function conditionOf(result: JobItemsQuery["result"]): { readonly condition: string; readonly values: readonly SqlValue[] } {
  switch (result) {
    case undefined:
      return { condition: "", values: [] }
    case "refused":
      // In the words of the index, so that a page costs its rows.
      return { condition: "and result not in ('enrolled', 'duplicate')", values: [] }
    case "look_alike": {
      const condition = `and position in (select position from enrolment_look_alikes as near
        where near.enrolment_number = item.enrolment_number)`
      return { condition, values: [] }
    }
    default:
      return { condition: "and result = ?", values: [result] }
  }
}

function pageSql(condition: string): string {
  return `select enrolments.id as jobId, position, item.details, person.number as personNumber, person.details as personDetails,
    result, person.subject_id as subjectId, face_id as faceId
    from enrolment_items as item left join enrolment_people as person on person.number = person_number
    join enrolments on enrolments.number = item.enrolment_number
    where item.enrolment_number = ? and position > ? ${condition} order by position limit ?`
}

/** A value that does not open is left out, and the item says so. */
function toItem(vault: Vault, job: number, row: ItemRow, lookAlikes: readonly LookAlike[]): JobItem {
  const { position, result, subjectId, faceId } = row
  const owner = ownerOf(row.jobId, subjectId)
  const told = openJson<ItemDetails>(vault, owner, placeOfItem(job, position), row.details)
  const { file, why, sha256 } = told.kind === "opened" ? told.value : { file: "", why: told.why, sha256: undefined }
  const person =
    row.personNumber === null || row.personDetails === null
      ? undefined
      : openJson<PersonDetails>(vault, owner, placeOfPerson(row.personNumber), row.personDetails)
  const { name, externalId } = person?.kind === "opened" ? person.value : {}
  const given = Object.entries({
    name,
    externalId,
    why,
    subjectId: subjectId ?? undefined,
    faceId: faceId ?? undefined,
    sha256,
  })
  const present = Object.fromEntries(given.filter(([, value]) => value !== undefined))
  return { position, file, result, ...present, lookAlikes }
}
