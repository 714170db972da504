import { createHash } from "node:crypto"
import { assert } from "../base/assert.ts"
import type { Store } from "../store/store.ts"
import { type Place, readHeader } from "../vault/seal.ts"
import { pagedSealer, type Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"

/** What a request with this idempotency key made, the first time. */
export interface MadeBefore {
  /** SHA-256 of the request as its door understood it. */
  readonly requestHash: Uint8Array
  readonly entityId: string
  /** What the first answer said beside the entity, as it was given. */
  readonly note: unknown
}

/** Which creates were done already, by the key their callers gave them, so that a repeated one is not done again. */
export interface Creates {
  find(key: string): MadeBefore | undefined
  /** To be called in the transaction that creates the entity: the record is there with the entity, or neither is. */
  record(key: string, made: MadeBefore): void
  /** Takes the key for one request at a time; `undefined` while another has it. */
  claim(key: string): Disposable | undefined
}

/** Longer than any caller retries by itself. */
const keptMs = 24 * 60 * 60 * 1000

/** About 20 MB. The oldest leave first, and a caller that retries does so within seconds. */
const rowsMaxDefault = 100_000

/** `wallClockMs` and `rowsMax` are for tests. */
/** Whose key seals the notes: they are gone within a day. */
const notesOwner = "site/creates"
const notePlace = (keyHash: Uint8Array): Place => ({ table: "creates", column: "note", row: keyHash.toHex() })

interface NoteRow {
  readonly number: number
  readonly keyHash: Uint8Array
  readonly note: Uint8Array
}

/** Seals the notes that were made before there was a master key. */
export function notesSealer(store: Store, vault: Vault): Sealer {
  const select = store.prepare<NoteRow>(`
    select number, key_hash as keyHash, note from creates where number > ? and note is not null order by number limit ?`)
  const update = store.prepare("update creates set note = ? where number = ?")
  return pagedSealer<NoteRow>(store.transact<number>, {
    table: "creates",
    page: (last, rowsMax) => select.all(last?.number ?? 0, rowsMax),
    isSealed: ({ note }) => readHeader(note) !== undefined,
    seal({ number, keyHash, note }) {
      vault.ensureKey(notesOwner)
      update.run(vault.seal(notesOwner, notePlace(keyHash), note), number)
    },
  })
}

export function openCreates(store: Store, vault: Vault, wallClockMs = Date.now, rowsMax = rowsMaxDefault): Creates {
  const select = store.prepare<{ requestHash: Uint8Array; entityId: string; note: Uint8Array | null }>(`
    select request_hash as requestHash, entity_id as entityId, note from creates where key_hash = ? and created_at_ms > ?`)
  const insert = store.prepare<{ number: number }>(`
    insert into creates (key_hash, request_hash, entity_id, note, created_at_ms) values (?, ?, ?, ?, ?) returning number`)
  const deleteOld = store.prepare("delete from creates where created_at_ms <= ?")
  const deleteFirst = store.prepare("delete from creates where number <= ?")
  const claimed = new Set<string>()

  function sealed(keyHash: Uint8Array, note: unknown): Uint8Array {
    vault.ensureKey(notesOwner)
    return vault.seal(notesOwner, notePlace(keyHash), Buffer.from(JSON.stringify(note)))
  }

  return {
    find(key) {
      const keyHash = hash(key)
      const row = select.get(keyHash, wallClockMs() - keptMs)
      if (row === undefined) return undefined
      const note = row.note && vault.open(notesOwner, notePlace(keyHash), row.note)
      return { ...row, note: note === null ? undefined : JSON.parse(Buffer.from(note).toString()) }
    },

    record(key, { requestHash, entityId, note }) {
      const atMs = wallClockMs()
      deleteOld.run(atMs - keptMs)
      const keyHash = hash(key)
      const row = insert.get(keyHash, requestHash, entityId, note === undefined ? null : sealed(keyHash, note), atMs)
      assert(row !== undefined, "a new row has a number")
      deleteFirst.run(row.number - rowsMax)
    },

    claim(key) {
      if (claimed.has(key)) return undefined
      claimed.add(key)
      return { [Symbol.dispose]: () => void claimed.delete(key) }
    },
  }
}

/** Callers choose the key; whatever they put into it is not kept. */
function hash(key: string): Uint8Array {
  return createHash("sha256").update(key).digest()
}
