import { LRUCache } from "lru-cache"
import type { MasterKey } from "./master-key.ts"
import { createSealKey, type Opened, open, type Place, type Refused, type SealKey, seal } from "./seal.ts"

/**
 * A data key as it lies on the disk. Its owner is whom its values are about, in the words of the folder that seals: `subject/<id>`,
 * `sightings/2026-03`, `site`. Who drops this row has shredded every value of the owner, wherever copies of them lie.
 */
export interface WrappedKey {
  readonly owner: string
  readonly id: string
  /** Of the master key that wraps it. */
  readonly masterId: string
  readonly wrapped: Uint8Array
}

/** Where wrapped keys lie. Each call is a statement in whatever transaction the caller has begun. */
export interface KeyTable {
  find(owner: string): WrappedKey | undefined
  /** False, and nothing is added, when the master key it is wrapped by is not the folder's present one any more. */
  add(key: WrappedKey): boolean
  /** False when there was none. */
  remove(owner: string): boolean
}

/** The present master key, and the one before it while a rotation is under way. */
export interface MasterKeys {
  readonly current: MasterKey
  readonly retired: readonly MasterKey[]
}

export type FoundKey =
  | { readonly kind: "found"; readonly key: SealKey }
  /** There is none: it was never made, or it was shredded. */
  | { readonly kind: "no_key" }
  | Refused

export type CreatedKey =
  | { readonly kind: "created"; readonly key: SealKey }
  /** Another process has rotated the master key: what this one holds wraps nothing any more. Start it again. */
  | { readonly kind: "master_changed" }

export type Keys = ReturnType<typeof openKeys>

/** About 8 MB when full; unwrapping takes 3 µs (`aes`) to 30 µs (`gm`). */
const cachedMaxDefault = 20_000

/** The data keys of a box, unwrapped when they are needed. */
export function openKeys(table: KeyTable, masters: MasterKeys, cachedMax = cachedMaxDefault) {
  let present = masters
  // By owner and id together: a row that was given another owner on the disk must not find the key of its neighbour. The table is
  // asked first each time, so a key that was shredded, or whose making was rolled back, is not found here either.
  const unwrapped = new LRUCache<string, SealKey>({ max: cachedMax })
  const nameOf = ({ owner, id }: WrappedKey) => `${id} ${owner}`

  function unwrap(row: WrappedKey): FoundKey {
    const cached = unwrapped.get(nameOf(row))
    if (cached !== undefined) return { kind: "found", key: cached }
    const opened = openWrapped([present.current, ...present.retired], row)
    if (opened.kind !== "opened") return opened
    const key = { suite: present.current.wrapping.suite, id: row.id, bytes: opened.plain }
    unwrapped.set(nameOf(row), key)
    return { kind: "found", key }
  }

  function create(owner: string): CreatedKey {
    const key = createSealKey(present.current.wrapping.suite)
    const row = wrap(present.current, { owner, id: key.id }, key.bytes)
    return table.add(row) ? { kind: "created", key } : { kind: "master_changed" }
  }

  function of(owner: string): FoundKey {
    const row = table.find(owner)
    return row === undefined ? { kind: "no_key" } : unwrap(row)
  }

  return {
    /** A key for an owner that has none, in the transaction that makes the owner. */
    create,
    of,
    /** The key of an owner that is no person: made when it is first asked for. A person who was erased must not get another one. */
    ensure(owner: string): FoundKey | CreatedKey {
      const found = of(owner)
      return found.kind === "no_key" ? create(owner) : found
    },
    /** For rows that were read with their keys: many at once need one query. */
    unwrap,
    /** Shreds what the owner's key sealed, as soon as the transaction is committed. False when there was none. */
    shred(owner: string): boolean {
      const row = table.find(owner)
      if (row !== undefined) unwrapped.delete(nameOf(row))
      return table.remove(owner)
    },
    masters: (): MasterKeys => present,
    /** After a rotation began or ended. */
    replaceMasters(next: MasterKeys): void {
      present = next
    },
  }
}

export function wrap(master: MasterKey, { owner, id }: Pick<WrappedKey, "owner" | "id">, bytes: Uint8Array): WrappedKey {
  return { owner, id, masterId: master.id, wrapped: seal(master.wrapping, placeOfKey({ owner, id }), bytes) }
}

/** By whichever of the master keys the row names. */
export function openWrapped(masters: readonly MasterKey[], row: WrappedKey): Opened {
  const master = masters.find(({ id }) => id === row.masterId)
  if (master === undefined) return { kind: "wrong_key", keyId: row.masterId }
  return open(master.wrapping, placeOfKey(row), row.wrapped)
}

export function placeOfKey({ owner, id }: Pick<WrappedKey, "owner" | "id">): Place {
  return { table: "data_keys", column: "wrapped", row: `${id} ${owner}` }
}
