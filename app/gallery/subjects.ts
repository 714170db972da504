import { assert } from "../base/assert.ts"
import type { Statement, Store } from "../store/store.ts"
import type { Changes } from "./changes.ts"
import type { Faces } from "./faces.ts"
import type {
  AddedSubject,
  Also,
  DeletedSubject,
  NewSubject,
  OnlyIf,
  Page,
  Subject,
  SubjectsQuery,
  UpdatedSubject,
} from "./gallery.ts"
import { pageOf, rowsMax } from "./page.ts"
import { type Metadata, patch, type SubjectChange, whyUnfit } from "./subject-details.ts"

export const nameCharactersMax = 200

interface SubjectRow {
  readonly id: string
  readonly name: string
  readonly externalId: string | null
  readonly metadata: string | null
  /** A JSON array. */
  readonly groups: string
  readonly validFromMs: number | null
  readonly validUntilMs: number | null
  readonly consentNote: string | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly version: number
  readonly faceCount: number
}

export type Subjects = ReturnType<typeof openSubjects>

/** Ids are UUIDv7: they sort by the time of their creation. */
export function openSubjects(store: Store, faces: Faces, changes: Changes, wallClockMs: () => number) {
  const columns = `subjects.id, subjects.name, external_id as externalId, metadata, valid_from_ms as validFromMs,
    valid_until_ms as validUntilMs, consent_note as consentNote, version, created_at_ms as createdAtMs,
    updated_at_ms as updatedAtMs, (select count(*) from faces where faces.subject_id = subjects.id) as faceCount,
    (select json_group_array(name order by name) from subject_groups where subject_id = subjects.id) as groups`
  const insert = store.prepare(`
    insert into subjects (id, name, external_id, metadata, valid_from_ms, valid_until_ms, consent_note, created_at_ms, updated_at_ms)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const selectOne = store.prepare<SubjectRow>(`select ${columns} from subjects where id = ?`)
  const selectByExternalId = store.prepare<{ id: string }>("select id from subjects where external_id = ? and id <> ?")
  const update = store.prepare(`
    update subjects set name = ?, external_id = ?, metadata = ?, valid_from_ms = ?, valid_until_ms = ?, consent_note = ?,
    updated_at_ms = ?, version = version + 1 where id = ?`)
  const insertGroup = store.prepare("insert into subject_groups (name, subject_id) values (?, ?)")
  const deleteGroups = store.prepare("delete from subject_groups where subject_id = ?")
  const remove = store.prepare("delete from subjects where id = ?")
  const count = store.prepare<{ count: number }>("select count(*) as count from subjects")
  const pageStatements = new Map<string, Statement<SubjectRow>>()

  const get = (id: string): Subject | undefined => {
    const row = selectOne.get(id)
    return row === undefined ? undefined : toSubject(row)
  }

  /** The subject as it now stands in the transaction that wrote it. */
  const present = (id: string): Subject => {
    const subject = get(id)
    assert(subject !== undefined, "what was just written is there")
    return subject
  }

  /** What speaks against these fields for the subject of this id. */
  function obstacle(id: string, fields: NewSubject) {
    const why = whyUnfit(fields)
    if (why !== undefined) return { kind: "unfit", why } as const
    const holder = fields.externalId === undefined ? undefined : selectByExternalId.get(fields.externalId, id)
    return holder === undefined ? undefined : ({ kind: "external_id_taken", subjectId: holder.id } as const)
  }

  function writeGroups(id: string, groups: readonly string[] = []): void {
    deleteGroups.run(id)
    for (const group of new Set(groups)) insertGroup.run(group, id)
  }

  function add(fields: NewSubject, also?: Also): AddedSubject {
    checkName(fields.name)
    return store.transact<AddedSubject>(() => {
      const id = Bun.randomUUIDv7()
      const found = obstacle(id, fields)
      if (found !== undefined) return found
      const atMs = wallClockMs()
      insert.run(id, ...valuesOf(fields), atMs, atMs)
      writeGroups(id, fields.groups)
      changes.recordSubject("added", id, atMs)
      also?.(id)
      return { kind: "added", subject: present(id) }
    })
  }

  /** A statement for each set of conditions that was ever asked for: at most eight. */
  function selectPage(asked: Conditions): Statement<SubjectRow> {
    const sql = pageSql(columns, asked)
    const statement = pageStatements.get(sql) ?? store.prepare<SubjectRow>(sql)
    pageStatements.set(sql, statement)
    return statement
  }

  return {
    add,
    get,

    create(name: string): Subject {
      const added = add({ name })
      assert(added.kind === "added", "a name alone is in nobody's way")
      return added.subject
    },

    page({ limit, after = "", name, externalId, group }: SubjectsQuery): Page<Subject> {
      const values = [group, name, externalId].filter((value) => value !== undefined)
      const rows = selectPage({ group, name, externalId }).all(...values, after, rowsMax(limit))
      return pageOf(rows.map(toSubject), limit)
    },

    update(id: string, change: SubjectChange, onlyIf: OnlyIf = () => true): UpdatedSubject {
      return store.transact<UpdatedSubject>(() => {
        const before = get(id)
        if (before === undefined) return { kind: "no_subject" }
        if (!onlyIf(before)) return { kind: "changed_since", subject: before }
        const fields = patch(before, change)
        checkName(fields.name)
        const found = obstacle(id, fields)
        if (found !== undefined) return found
        const atMs = wallClockMs()
        update.run(...valuesOf(fields), atMs, id)
        if (change.groups !== undefined) writeGroups(id, fields.groups)
        changes.recordSubject("changed", id, atMs)
        return { kind: "updated", subject: present(id) }
      })
    },

    delete: (id: string, onlyIf: OnlyIf = () => true): DeletedSubject =>
      store.transact<DeletedSubject>((transaction) => {
        const before = get(id)
        if (before === undefined) return { kind: "no_subject" }
        if (!onlyIf(before)) return { kind: "changed_since", subject: before }
        const atMs = wallClockMs()
        faces.deleteAllOf(id, transaction, atMs)
        remove.run(id)
        changes.recordSubject("deleted", id, atMs)
        return { kind: "deleted" }
      }),

    count: (): number => count.get()?.count ?? 0,
  }
}

type Conditions = Pick<SubjectsQuery, "name" | "externalId" | "group">

/** Values in the order of `group`, `name`, `externalId`, then the id before and the number of rows. */
function pageSql(columns: string, { name, externalId, group }: Conditions): string {
  const inName = name === undefined ? "" : "subjects.name = ? and"
  const inExternalId = externalId === undefined ? "" : "external_id = ? and"
  // Within a group its own index leads (`cross join` keeps that order): a page costs its rows, however many people there are.
  return group === undefined
    ? `select ${columns} from subjects where ${inName} ${inExternalId} id > ? order by id limit ?`
    : `select ${columns} from subject_groups as member cross join subjects on subjects.id = member.subject_id
       where member.name = ? and ${inName} ${inExternalId} member.subject_id > ? order by member.subject_id limit ?`
}

function valuesOf({ name, externalId, metadata, validFromMs, validUntilMs, consentNote }: NewSubject) {
  const json = metadata === undefined ? null : JSON.stringify(metadata)
  return [name, externalId ?? null, json, validFromMs ?? null, validUntilMs ?? null, consentNote ?? null] as const
}

function toSubject({ externalId, metadata, groups, validFromMs, validUntilMs, consentNote, ...rest }: SubjectRow): Subject {
  return {
    ...rest,
    ...(externalId === null ? {} : { externalId }),
    metadata: metadata === null ? {} : (JSON.parse(metadata) as Metadata),
    groups: JSON.parse(groups) as string[],
    ...(validFromMs === null ? {} : { validFromMs }),
    ...(validUntilMs === null ? {} : { validUntilMs }),
    ...(consentNote === null ? {} : { consentNote }),
  }
}

/** Doors have checked it and answered the caller; this catches a door that forgot. */
function checkName(name: string): void {
  const length = name.trim().length
  assert(length >= 1 && length <= nameCharactersMax, `a name has 1 to ${nameCharactersMax} characters`)
}
