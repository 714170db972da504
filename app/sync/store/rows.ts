import { assert } from "../../base/assert.ts"
import type { Log } from "../../base/log.ts"
import { createOpeners } from "../../gallery/secrets.ts"
import type { Store } from "../../store/store.ts"
import type { Place } from "../../vault/seal.ts"
import type { Vault } from "../../vault/vault.ts"
import type { Row, Standing } from "../box.ts"
import { type Entity, idsOf } from "../entity.ts"
import type { GalleryStream } from "../hub.ts"
import type { Kind, Origin, Version } from "../merge.ts"
import type { SyncRecord } from "../record.ts"
import type { Stamp } from "../stamp.ts"
import { ownerOfRecords } from "./owner.ts"

/** A row of `sync_rows`, as it is there. */
export interface StoredRow {
  readonly number: number
  readonly entity: Uint8Array
  readonly kind: Kind
  readonly stream: GalleryStream
  readonly stamp: Stamp
  readonly origin: Origin
  readonly sequence: number
  readonly change: number
  readonly hubSequence: number
  readonly standing: Standing
  readonly bytesNumber: number
}

export const rowColumns = `sync_rows.number, entity, kind, stream, stamp, origin, sequence, change, hub_sequence as hubSequence, standing,
  bytes_number as bytesNumber`

const idBytes = 16
const idDigits = 32

/** An entity as it lies in a row: its ids, one after the other. */
export const keyOf = (entity: Entity): Uint8Array => Uint8Array.fromHex(entity.replaceAll(".", ""))

export function entityOfKey(key: Uint8Array): Entity {
  const digits = key.toHex()
  if (key.length === idBytes) return digits as Entity
  const ids = [digits.slice(0, idDigits), digits.slice(idDigits, 2 * idDigits), digits.slice(2 * idDigits)]
  return ids.filter((id) => id !== "").join(".") as Entity
}

/** How many ids a key has. */
export const depthOfKey = (key: Uint8Array): number => key.length / idBytes

/** Above every key below this one: longer than any that goes on with ones only. */
export const endBelow = (key: Uint8Array): Uint8Array => Buffer.concat([key, ones])
const ones = new Uint8Array(3 * idBytes).fill(255)

export const personKeyOf = (key: Uint8Array): Uint8Array => key.subarray(0, idBytes)

/** What a version opens at: an older one in its place does not. */
export const placeOfBytes = ({ entity, origin, sequence }: Pick<Version, "entity" | "origin" | "sequence">): Place => ({
  table: "sync_bytes",
  column: "bytes",
  row: `${entity} ${origin} ${sequence}`,
})

/** By the first id of an entity. */
export const ownerOfEntity = (entity: Entity): string => ownerOfRecords(idsOf(entity.slice(0, idDigits) as Entity)[0] ?? "")

/** Only what says something of a person: a `put`. What is erased or deleted has no content. */
export function sealBytes(vault: Vault, record: SyncRecord): Uint8Array {
  if (!vault.isSealed || record.kind !== "put") return record.bytes
  const owner = ownerOfEntity(record.entity)
  vault.ensureKey(owner)
  return vault.seal(owner, placeOfBytes(record), record.bytes)
}

export type RowReader = ReturnType<typeof createRowReader>

/**
 * Rows as sync knows them. Their bytes are opened when somebody asks for them, which those who compare versions never do: a record
 * that was read with its bytes can be asked for them at any time, another one only while its version is there.
 */
export function createRowReader(store: Store, vault: Vault, log: Pick<Log, "error">) {
  const selectBytes = store.prepare<{ bytes: Uint8Array }>("select bytes from sync_bytes where number = ?")
  const openers = createOpeners(vault, log)

  // Of somebody who was erased nothing is left to open; the record of the erasure is about to take the place.
  const isClear = ({ kind }: Version, stored: Uint8Array) => !vault.isSealed || kind !== "put" || stored.length === 0

  function read(row: StoredRow & { readonly bytes?: Uint8Array }, known?: Uint8Array): Row {
    const { change, hubSequence, standing, bytesNumber } = row
    const version = versionOf(row)
    let bytes = known
    const record: SyncRecord = {
      ...version,
      /** Throws `BrokenSeal`. */
      get bytes() {
        if (bytes === undefined) {
          const stored = row.bytes ?? selectBytes.get(bytesNumber)?.bytes
          assert(stored !== undefined, "a record is asked for its bytes while its version is there")
          bytes = isClear(version, stored) ? stored : vault.open(ownerOfEntity(version.entity), placeOfBytes(version), stored)
        }
        return bytes
      },
    }
    return { record, change, hubSequence, standing }
  }

  return {
    read,
    /** … opened now; `undefined`, and told to the log, for one that somebody changed on the disk. */
    opened(row: StoredRow & { readonly bytes: Uint8Array }): Row | undefined {
      const version = versionOf(row)
      if (isClear(version, row.bytes)) return read(row, row.bytes)
      const bytes = openers.value(ownerOfEntity(version.entity), placeOfBytes(version), row.bytes)
      return bytes && read(row, bytes)
    },
  }
}

const versionOf = ({ kind, entity, stamp, origin, sequence }: StoredRow): Version => ({
  ...{ kind, entity: entityOfKey(entity), stamp, origin, sequence },
})
