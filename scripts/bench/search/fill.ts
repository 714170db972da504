import type { Space } from "../../../app/face/embedding.ts"
import { ownerOfSubject, sealVector } from "../../../app/gallery/secrets.ts"
import { valuesOf } from "../../../app/gallery/subject-rows.ts"
import type { Store } from "../../../app/store/store.ts"
import type { Vault } from "../../../app/vault/vault.ts"

export interface FillOptions {
  readonly space: Space
  readonly dimension: number
  readonly faces: number
  readonly facesPerPerson: number
  /** Unit vectors of faces `from`…`from + count`, one behind the other. */
  readonly vectors: (from: number, count: number) => Float32Array
  /** Groups of a person, by their number from 0. */
  readonly groupsOf?: (person: number) => readonly string[]
  /** "Person" and their number, if nobody says otherwise. */
  readonly name?: (person: number) => string
}

const pageFaces = 10_000

/**
 * People "Person 0", "Person 1" … with their faces, straight into the tables in large transactions: enrolling each with a commit
 * of its own takes minutes for 100,000.
 */
export function fillGallery(store: Store, vault: Vault, options: FillOptions): void {
  const { space, dimension, facesPerPerson, faces, name = (person) => `Person ${person}` } = options
  const insertSpace = store.prepare("insert into spaces (name) values (?) on conflict do nothing")
  const selectSpace = store.prepare<{ number: number }>("select number from spaces where name = ?")
  const insertSubject = store.prepare(`
    insert into subjects (id, details, name_digest, external_id_digest, valid_from_ms, valid_until_ms, created_at_ms, updated_at_ms)
    values (?, ?, ?, ?, ?, ?, ?, ?)`)
  const insertGroup = store.prepare("insert into subject_groups (name, subject_id) values (?, ?)")
  const insertFace = store.prepare<{ number: number }>(`
    insert into faces (id, subject_id, space_number, vector, source, created_at_ms) values (?, ?, ?, ?, 'vector', ?) returning number`)
  const insertChange = store.prepare(`
    insert into changes (entity, kind, entity_id, face_number, space_number, at_ms) values ('face', 'added', ?, ?, ?, ?)`)
  let subjectId = ""
  for (let from = 0; from < faces; from += pageFaces) {
    const count = Math.min(pageFaces, faces - from)
    const vectors = options.vectors(from, count)
    store.transact(() => {
      insertSpace.run(space)
      const spaceNumber = selectSpace.get(space)?.number ?? 0
      const atMs = Date.now()
      for (let i = 0; i < count; i++) {
        const person = Math.floor((from + i) / facesPerPerson)
        if ((from + i) % facesPerPerson === 0) {
          subjectId = Bun.randomUUIDv7()
          vault.createKey(ownerOfSubject(subjectId))
          insertSubject.run(subjectId, ...valuesOf(vault, subjectId, { name: name(person) }), atMs, atMs)
          for (const group of options.groupsOf?.(person) ?? []) insertGroup.run(group, subjectId)
        }
        const id = Bun.randomUUIDv7()
        const vector = new Uint8Array(vectors.buffer, vectors.byteOffset + i * dimension * 4, dimension * 4)
        const sealed = sealVector(vault, { id, subjectId, space }, vector)
        const number = insertFace.get(id, subjectId, spaceNumber, sealed, atMs)?.number ?? 0
        insertChange.run(id, number, spaceNumber, atMs)
      }
    })
  }
}
