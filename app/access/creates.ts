import { createHash } from "node:crypto"
import { assert } from "../base/assert.ts"
import type { Store } from "../store/store.ts"

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
export function openCreates(store: Store, wallClockMs = Date.now, rowsMax = rowsMaxDefault): Creates {
  const select = store.prepare<{ requestHash: Uint8Array; entityId: string; note: string | null }>(`
    select request_hash as requestHash, entity_id as entityId, note from creates where key_hash = ? and created_at_ms > ?`)
  const insert = store.prepare<{ number: number }>(`
    insert into creates (key_hash, request_hash, entity_id, note, created_at_ms) values (?, ?, ?, ?, ?) returning number`)
  const deleteOld = store.prepare("delete from creates where created_at_ms <= ?")
  const deleteFirst = store.prepare("delete from creates where number <= ?")
  const claimed = new Set<string>()

  return {
    find(key) {
      const row = select.get(hash(key), wallClockMs() - keptMs)
      return row && { ...row, note: row.note === null ? undefined : JSON.parse(row.note) }
    },

    record(key, { requestHash, entityId, note }) {
      const atMs = wallClockMs()
      deleteOld.run(atMs - keptMs)
      const json = note === undefined ? null : JSON.stringify(note)
      const row = insert.get(hash(key), requestHash, entityId, json, atMs)
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
