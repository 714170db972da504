import { assert } from "../base/assert.ts"
import type { Statement, Store, Transaction } from "../store/store.ts"
import type { Vault } from "../vault/vault.ts"
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
import { type Openers, openDetails, ownerOfSubject } from "./secrets.ts"
import { patch, type SubjectChange, whyUnfit } from "./subject-details.ts"
import {
  type Conditions,
  externalIdDigest,
  nameDigest,
  pageSql,
  type SubjectRow,
  subjectColumns,
  toSubject,
  valuesOf,
} from "./subject-rows.ts"

export const nameCharactersMax = 200

export type Subjects = ReturnType<typeof openSubjects>

/** Ids are UUIDv7: they sort by the time of their creation. */
export function openSubjects(
  store: Store,
  vault: Vault,
  openers: Openers,
  faces: Faces,
  changes: Changes,
  wallClockMs: () => number,
) {
  const insert = store.prepare(`
    insert into subjects (id, details, name_digest, external_id_digest, valid_from_ms, valid_until_ms, created_at_ms, updated_at_ms)
    values (?, ?, ?, ?, ?, ?, ?, ?)`)
  const selectOne = store.prepare<SubjectRow>(`select ${subjectColumns} from subjects where id = ?`)
  const selectByExternalId = store.prepare<{ id: string }>("select id from subjects where external_id_digest = ? and id <> ?")
  const update = store.prepare(`
    update subjects set details = ?, name_digest = ?, external_id_digest = ?, valid_from_ms = ?, valid_until_ms = ?, updated_at_ms = ?, version = version + 1 where id = ?`)
  const insertGroup = store.prepare("insert into subject_groups (name, subject_id) values (?, ?)")
  const deleteGroups = store.prepare("delete from subject_groups where subject_id = ?")
  const selectVersion = store.prepare<{ version: number }>("select version from subjects where id = ?")
  const selectDetails = store.prepare<{ details: Uint8Array }>("select details from subjects where id = ?")
  const remove = store.prepare("delete from subjects where id = ?")
  const count = store.prepare<{ count: number }>("select count(*) as count from subjects")
  const pageStatements = new Map<string, Statement<SubjectRow>>()

  const get = (id: string): Subject | undefined => {
    const row = selectOne.get(id)
    return row === undefined ? undefined : toSubject(vault, row)
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
    const holder =
      fields.externalId === undefined ? undefined : selectByExternalId.get(externalIdDigest(vault, fields.externalId), id)
    return holder === undefined ? undefined : ({ kind: "external_id_taken", subjectId: holder.id } as const)
  }

  function writeGroups(id: string, groups: readonly string[] = []): void {
    deleteGroups.run(id)
    insertGroups(id, groups)
  }

  function insertGroups(id: string, groups: readonly string[] = []): void {
    for (const group of new Set(groups)) insertGroup.run(group, id)
  }

  /** In the caller's transaction. Nothing is written when something speaks against it. */
  function insertAs(id: string, fields: NewSubject, createdAtMs: number, atMs: number) {
    const found = obstacle(id, fields)
    if (found !== undefined) return found
    insertNow(id, fields, undefined, createdAtMs, atMs)
    return undefined
  }

  function insertNow(id: string, fields: NewSubject, claimed: string | undefined, createdAtMs: number, atMs: number): void {
    vault.createKey(ownerOfSubject(id))
    insert.run(id, ...valuesOf(vault, id, fields, claimed), createdAtMs, atMs)
    insertGroups(id, fields.groups)
    changes.recordSubject("added", id, atMs)
  }

  const claimOf = (id: string): string | undefined => {
    const row = selectDetails.get(id)
    return row && openDetails(vault, id, row.details).claimedExternalId
  }

  /** In the caller's transaction, with all faces that are left. */
  function removeNow(id: string, transaction: Transaction): void {
    const atMs = wallClockMs()
    faces.deleteAllOf(id, transaction, atMs)
    remove.run(id)
    vault.shredKey(ownerOfSubject(id))
    changes.recordSubject("deleted", id, atMs)
  }

  function add(fields: NewSubject, also?: Also): AddedSubject {
    checkName(fields.name)
    return store.transact<AddedSubject>(() => {
      const id = Bun.randomUUIDv7()
      const atMs = wallClockMs()
      const found = insertAs(id, fields, atMs, atMs)
      if (found !== undefined) return found
      also?.(id)
      return { kind: "added", subject: present(id) }
    })
  }

  /** A statement for each set of conditions that was ever asked for: at most eight. */
  function selectPage(asked: Conditions): Statement<SubjectRow> {
    const sql = pageSql(asked)
    const statement = pageStatements.get(sql) ?? store.prepare<SubjectRow>(sql)
    pageStatements.set(sql, statement)
    return statement
  }

  return {
    add,
    get,
    present,
    insertAs,
    removeNow,
    claimOf,

    /**
     * Whoever is or is not there is so from now on; in the caller's transaction, which knows that the external id is free.
     * @param claimed the external id that somebody else has
     */
    putNow(id: string, fields: NewSubject, claimed: string | undefined, createdAtMs: number): void {
      checkName(fields.name)
      const atMs = wallClockMs()
      if (selectVersion.get(id) === undefined) {
        insertNow(id, fields, claimed, createdAtMs, atMs)
        return
      }
      update.run(...valuesOf(vault, id, fields, claimed), atMs, id)
      writeGroups(id, fields.groups)
      changes.recordSubject("changed", id, atMs)
    },

    /** Whose it is, if somebody else's. */
    holderOf: (externalId: string, exceptId: string): string | undefined =>
      selectByExternalId.get(externalIdDigest(vault, externalId), exceptId)?.id,

    nameOf(id: string): string | undefined {
      const row = selectDetails.get(id)
      return row && openers.name(id, row.details)
    },

    create(name: string): Subject {
      const added = add({ name })
      assert(added.kind === "added", "a name alone is in nobody's way")
      return added.subject
    },

    page({ limit, after = "", name, externalId, group }: SubjectsQuery): Page<Subject> {
      const digests = [
        ...(name === undefined ? [] : [nameDigest(vault, name)]),
        ...(externalId === undefined ? [] : [externalIdDigest(vault, externalId)]),
      ]
      const values = [...(group === undefined ? [] : [group]), ...digests]
      const rows = selectPage({ group, name, externalId }).all(...values, after, rowsMax(limit))
      return pageOf(
        rows.map((row) => toSubject(vault, row)),
        limit,
      )
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
        const claimed = fields.externalId === undefined && change.externalId === undefined ? claimOf(id) : undefined
        update.run(...valuesOf(vault, id, fields, claimed), atMs, id)
        if (change.groups !== undefined) writeGroups(id, fields.groups)
        changes.recordSubject("changed", id, atMs)
        return { kind: "updated", subject: present(id) }
      })
    },

    delete: (id: string, onlyIf: OnlyIf = () => true): DeletedSubject =>
      store.transact<DeletedSubject>((transaction) => {
        // Who does not open any more can still be deleted.
        const before = selectVersion.get(id)
        if (before === undefined) return { kind: "no_subject" }
        if (!onlyIf(before)) return { kind: "changed_since", subject: present(id) }
        removeNow(id, transaction)
        return { kind: "deleted" }
      }),

    count: (): number => count.get()?.count ?? 0,
  }
}

/** Doors have checked it and answered the caller; this catches a door that forgot. */
function checkName(name: string): void {
  const length = name.trim().length
  assert(length >= 1 && length <= nameCharactersMax, `a name has 1 to ${nameCharactersMax} characters`)
}
