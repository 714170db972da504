import { assert } from "../base/assert.ts"
import type { LookAlike } from "../pipeline/look-alikes.ts"
import type { SqlValue, Statement, Store } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
import type { Item, ItemResult, PersonKey } from "./item.ts"
import type { JobItem, JobItemsPage, JobItemsQuery } from "./job.ts"

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
  readonly position: number
  readonly file: string
  readonly name: string | null
  readonly externalId: string | null
  readonly result: ItemResult
  readonly why: string | null
  readonly subjectId: string | null
  readonly faceId: string | null
  readonly sha256: Uint8Array | null
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
export function openReport(store: Store, _vault: Vault, nameOf: (subjectId: string) => string | undefined) {
  const selectPerson = store.prepare<{ number: number; subjectId: string | null }>(`
    select number, subject_id as subjectId from enrolment_people
    where enrolment_number = ? and name = ? and external_id is ? limit 1`)
  const insertPerson = store.prepare<{ number: number }>(`
    insert into enrolment_people (enrolment_number, name, external_id, subject_id) values (?, ?, ?, ?) returning number`)
  const updatePerson = store.prepare("update enrolment_people set subject_id = ? where number = ?")
  const insertItem = store.prepare(`
    insert into enrolment_items (enrolment_number, position, person_number, file, sha256, result, why, face_id)
    values (?, ?, ?, ?, ?, ?, ?, ?)`)
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

  function personNumber(job: number, { name, externalId }: PersonKey, subjectId: string | undefined): number {
    const present = selectPerson.get(job, name, externalId ?? null)
    if (present === undefined) {
      const row = insertPerson.get(job, name, externalId ?? null, subjectId ?? null)
      assert(row !== undefined, "a new row has a number")
      return row.number
    }
    if (subjectId !== undefined && present.subjectId !== subjectId) updatePerson.run(subjectId, present.number)
    return present.number
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
      const owner = person === undefined ? null : personNumber(job, person, subjectId)
      const words = why?.slice(0, whyCharactersMax) ?? null
      insertItem.run(job, position, owner, file.slice(0, fileCharactersMax), checksum ?? null, result, words, faceId ?? null)
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
      const told = items.map((row) => toItem(row, named(near.get(row.position) ?? [])))
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
  return `select position, file, person.name, person.external_id as externalId, result, why, person.subject_id as subjectId,
    face_id as faceId, sha256
    from enrolment_items as item left join enrolment_people as person on person.number = person_number
    where item.enrolment_number = ? and position > ? ${condition} order by position limit ?`
}

function toItem(row: ItemRow, lookAlikes: readonly LookAlike[]): JobItem {
  const { position, file, result, sha256 } = row
  const given = Object.entries({
    name: row.name,
    externalId: row.externalId,
    why: row.why,
    subjectId: row.subjectId,
    faceId: row.faceId,
    sha256: sha256 === null ? null : Buffer.from(sha256).toString("hex"),
  }).filter(([, value]) => value !== null)
  return { position, file, result, ...Object.fromEntries(given), lookAlikes }
}
