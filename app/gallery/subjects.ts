import { assert } from "../base/assert.ts"
import type { Store } from "../store/store.ts"
import type { Changes } from "./changes.ts"
import type { Faces } from "./faces.ts"
import type { Page, Subject } from "./gallery.ts"

const pageMax = 1000
export const nameCharactersMax = 200

export type Subjects = ReturnType<typeof openSubjects>

/** Ids are UUIDv7: they sort by the time of their creation. */
export function openSubjects(store: Store, faces: Faces, changes: Changes) {
  const columns = `id, name, created_at_ms as createdAtMs, updated_at_ms as updatedAtMs,
    (select count(*) from faces where faces.subject_id = subjects.id) as faceCount`
  const insert = store.prepare("insert into subjects (id, name, created_at_ms, updated_at_ms) values (?, ?, ?, ?)")
  const selectOne = store.prepare<Subject>(`select ${columns} from subjects where id = ?`)
  const selectNamed = store.prepare<Subject>(`select ${columns} from subjects where name = ? order by id`)
  const selectPage = store.prepare<Subject>(`select ${columns} from subjects where id > ? order by id limit ?`)
  const rename = store.prepare("update subjects set name = ?, updated_at_ms = ? where id = ?")
  const remove = store.prepare("delete from subjects where id = ?")
  const count = store.prepare<{ count: number }>("select count(*) as count from subjects")

  return {
    create(name: string): Subject {
      checkName(name)
      const atMs = Date.now()
      const subject: Subject = { id: Bun.randomUUIDv7(), name, createdAtMs: atMs, updatedAtMs: atMs, faceCount: 0 }
      store.transact(() => {
        insert.run(subject.id, name, atMs, atMs)
        changes.recordSubject("added", subject.id, atMs)
      })
      return subject
    },

    get: (id: string): Subject | undefined => selectOne.get(id),
    named: (name: string): readonly Subject[] => selectNamed.all(name),

    page(limit: number, after = ""): Page<Subject> {
      assert(Number.isInteger(limit) && limit >= 1 && limit <= pageMax, `a page holds 1 to ${pageMax} people`)
      // One more than asked tells whether there is another page.
      const rows = selectPage.all(after, limit + 1)
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      return rows.length > limit && last !== undefined ? { items, next: last.id } : { items }
    },

    rename(id: string, name: string): Subject | undefined {
      checkName(name)
      return store.transact<Subject | undefined>(() => {
        const atMs = Date.now()
        if (rename.run(name, atMs, id) === 0) return undefined
        changes.recordSubject("changed", id, atMs)
        return selectOne.get(id)
      })
    },

    delete: (id: string): boolean =>
      store.transact<boolean>((transaction) => {
        const atMs = Date.now()
        faces.deleteAllOf(id, transaction, atMs)
        if (remove.run(id) === 0) return false
        changes.recordSubject("deleted", id, atMs)
        return true
      }),

    count: (): number => count.get()?.count ?? 0,
  }
}

/** Doors have checked it and answered the caller; this catches a door that forgot. */
function checkName(name: string): void {
  const length = name.trim().length
  assert(length >= 1 && length <= nameCharactersMax, `a name has 1 to ${nameCharactersMax} characters`)
}
