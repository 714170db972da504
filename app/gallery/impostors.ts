import { type Space, spaceDimension, toUnit } from "../face/embedding.ts"
import type { Store } from "../store/store.ts"
import type { Place } from "../vault/seal.ts"
import type { Vault } from "../vault/vault.ts"
import { toVector } from "./faces.ts"
import type { Also, Page, PageQuery } from "./gallery.ts"
import { pageOf, rowsMax } from "./page.ts"
import { dotAt } from "./scan.ts"
import { type Openers, ownerOfSubject } from "./secrets.ts"

/** “This is not X”: a face of somebody else that a person said is not the subject's, however near it comes. */
export interface Impostor {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly source: ImpostorSource
  readonly createdAtMs: number
}

export const impostorSources = ["picture", "vector", "sighting"] as const
export type ImpostorSource = (typeof impostorSources)[number]

export interface NewImpostor extends Pick<Impostor, "subjectId" | "space" | "source"> {
  readonly vector: Float32Array
}

export type AddedImpostor =
  | { readonly kind: "added"; readonly impostor: Impostor }
  | { readonly kind: "no_subject" }
  /** As many are kept of this subject as may be. */
  | { readonly kind: "too_many"; readonly impostorsMax: number }
  | { readonly kind: "bad_vector"; readonly why: string }

/** Who is mistaken for so many others wants better photographs, and not a longer list. */
const impostorsMax = 100

interface StoredImpostor {
  readonly id: string
  readonly subjectId: string
  readonly space: Space
  readonly vector: Uint8Array
}

export type Impostors = ReturnType<typeof openImpostors>

/** Sealed with the key of the subject, and gone with it. */
export function openImpostors(store: Store, vault: Vault, openers: Openers, wallClockMs: () => number) {
  const columns = "impostors.id, subject_id as subjectId, spaces.name as space"
  const joined = "impostors join spaces on spaces.number = space_number"
  const selectSubject = store.prepare("select 1 from subjects where id = ?")
  const insertSpace = store.prepare("insert into spaces (name) values (?) on conflict do nothing")
  const insert = store.prepare(`
    insert into impostors (id, subject_id, space_number, vector, source, created_at_ms)
    values (?, ?, (select number from spaces where name = ?), ?, ?, ?)`)
  const count = store.prepare<{ count: number }>("select count(*) as count from impostors where subject_id = ?")
  const selectAny = store.prepare("select 1 from impostors limit 1")
  const selectOf = store.prepare<Impostor>(`
    select ${columns}, source, created_at_ms as createdAtMs from ${joined}
    where subject_id = ? and impostors.id > ? order by impostors.id limit ?`)
  const selectOne = store.prepare<Impostor>(
    `select ${columns}, source, created_at_ms as createdAtMs from ${joined} where impostors.id = ?`,
  )
  const selectVectors = store.prepare<StoredImpostor>(
    `select ${columns}, vector from ${joined} where subject_id = ? and spaces.name = ?`,
  )
  const remove = store.prepare("delete from impostors where id = ?")
  const selectMoving = store.prepare<StoredImpostor>(`
    select ${columns}, vector from ${joined}
    where subject_id = ? and impostors.id in (select value from json_each(?)) order by impostors.id`)
  const selectIds = store.prepare<{ id: string }>("select id from impostors where subject_id = ? order by id")
  const move = store.prepare("update impostors set subject_id = ?, vector = ? where id = ?")

  return {
    add({ subjectId, space, source, vector }: NewImpostor, also?: Also): AddedImpostor {
      const unit = vector.length === spaceDimension(space) ? toUnit(vector) : undefined
      if (unit === undefined) return { kind: "bad_vector", why: `it is no vector of ${space} that has a direction` }
      return store.transact<AddedImpostor>(() => {
        if (selectSubject.get(subjectId) === undefined) return { kind: "no_subject" }
        if ((count.get(subjectId)?.count ?? 0) >= impostorsMax) return { kind: "too_many", impostorsMax }
        const impostor = { id: Bun.randomUUIDv7(), subjectId, space, source, createdAtMs: wallClockMs() }
        insertSpace.run(space)
        const bytes = new Uint8Array(unit.buffer, unit.byteOffset, unit.byteLength)
        insert.run(impostor.id, subjectId, space, sealImpostor(vault, impostor, bytes), source, impostor.createdAtMs)
        also?.(impostor.id)
        return { kind: "added", impostor }
      })
    },

    get: (id: string): Impostor | undefined => selectOne.get(id),

    /** By creation; `undefined` when the subject is unknown. */
    of(subjectId: string, { limit, after = "" }: PageQuery): Page<Impostor> | undefined {
      const rows = selectOf.all(subjectId, after, rowsMax(limit))
      if (rows.length === 0 && selectSubject.get(subjectId) === undefined) return undefined
      return pageOf(rows, limit)
    },

    /** False when there is none of this id. */
    delete: (id: string): boolean =>
      store.transact<boolean>(() => {
        if (selectOne.get(id) === undefined) return false
        remove.run(id)
        return true
      }),

    any: (): boolean => selectAny.get() !== undefined,

    /** How near a face comes to the nearest of those who are not this subject; `undefined` when there are none. */
    nearest(subjectId: string, space: Space, unit: Float32Array): number | undefined {
      let best: number | undefined
      for (const row of selectVectors.all(subjectId, space)) {
        const bytes = openers.value(ownerOfSubject(subjectId), placeOf(row), row.vector)
        if (bytes !== undefined) best = Math.max(best ?? -1, dotAt(unit, toVector(bytes), 0))
      }
      return best
    },

    idsOf: (subjectId: string): string[] => selectIds.all(subjectId).map(({ id }) => id),

    /** Those of them that are still this subject's; in the transaction that moves the faces. Throws `BrokenSeal`. */
    move(fromId: string, ids: readonly string[], toId: string): void {
      for (const row of selectMoving.all(fromId, JSON.stringify(ids))) {
        const plain = vault.open(ownerOfSubject(fromId), placeOf(row), row.vector)
        move.run(toId, sealImpostor(vault, { ...row, subjectId: toId }, plain), row.id)
      }
    },
  }
}

/** For a folder that is being sealed: what lies in the clear for a subject whose key was just made. */
export function impostorSealing(store: Store, vault: Vault): (subjectId: string) => void {
  const select = store.prepare<StoredImpostor>(`
    select impostors.id, subject_id as subjectId, spaces.name as space, vector
    from impostors join spaces on spaces.number = space_number where subject_id = ?`)
  const update = store.prepare("update impostors set vector = ? where id = ?")
  return (subjectId) => {
    for (const row of select.all(subjectId)) update.run(sealImpostor(vault, row, row.vector), row.id)
  }
}

function sealImpostor(vault: Vault, impostor: Pick<Impostor, "id" | "subjectId" | "space">, bytes: Uint8Array): Uint8Array {
  return vault.seal(ownerOfSubject(impostor.subjectId), placeOf(impostor), bytes)
}

/** With its space, as a face's vector. */
function placeOf({ id, space }: Pick<Impostor, "id" | "space">): Place {
  return { table: "impostors", column: "vector", row: `${id} ${space}` }
}
