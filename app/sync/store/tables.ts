import type { Log } from "../../base/log.ts"
import type { Store, Transaction } from "../../store/store.ts"
import type { Vault } from "../../vault/vault.ts"
import { isErased } from "../apply.ts"
import type { Row, Tables } from "../box.ts"
import type { Entity } from "../entity.ts"
import { type GalleryStream, streamOf } from "../hub.ts"
import type { Kind } from "../merge.ts"
import type { openFuture, openRefused } from "./lists.ts"
import {
  createRowReader,
  depthOfKey,
  endBelow,
  entityOfKey,
  keyOf,
  ownerOfEntity,
  personKeyOf,
  rowColumns,
  type StoredRow,
  sealBytes,
} from "./rows.ts"
import type { Showing } from "./showing.ts"
import type { State } from "./state.ts"

export interface TablesNeeds {
  readonly store: Store
  readonly vault: Vault
  readonly state: State
  readonly refused: ReturnType<typeof openRefused>
  readonly future: ReturnType<typeof openFuture>
  readonly log: Pick<Log, "error">
}

type RowWithBytes = StoredRow & { readonly bytes: Uint8Array }

/** The rows of faces are what the gallery is counted against: people and chips come and go with them. */
const faceDepth = 2

/** @returns the tables as one transaction sees them, with what is shown and hidden handed on */
export function openTables({ store, vault, state, refused, future, log }: TablesNeeds) {
  const { read, opened } = createRowReader(store, vault, log)
  const select = store.prepare<StoredRow>(`select ${rowColumns} from sync_rows where entity = ?`)
  const selectBelow = store.prepare<StoredRow>(
    `select ${rowColumns} from sync_rows where entity > ? and entity < ? order by entity`,
  )
  // Without those that were emptied because somebody is being erased.
  const selectAfter = store.prepare<RowWithBytes>(`
    select ${rowColumns}, bytes from sync_rows join sync_bytes on sync_bytes.number = bytes_number
    where stream = ? and change > ? and length(bytes) > 0 order by change limit ?`)
  const selectDoubtful = store.prepare<StoredRow>(
    `select ${rowColumns} from sync_rows where stream = ? and standing = 'doubtful' order by number limit ?`,
  )
  const insert = store.prepare(`
    insert into sync_rows (entity, kind, stream, stamp, origin, sequence, change, hub_sequence, standing, bytes_number)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const replace = store.prepare(`
    update sync_rows set kind = ?, stream = ?, stamp = ?, origin = ?, sequence = ?, change = ?, hub_sequence = ?, standing = ?,
      bytes_number = ? where number = ?`)
  const updateStanding = store.prepare("update sync_rows set change = ?, hub_sequence = ?, standing = ? where number = ?")
  const remove = store.prepare("delete from sync_rows where number = ?")
  const insertBytes = store.prepare<{ number: number }>("insert into sync_bytes (bytes) values (?) returning number")
  const removeBytes = store.prepare("delete from sync_bytes where number = ?")
  const doubt = store.prepare(`
    update sync_rows set hub_sequence = 0, standing = case standing when 'held' then 'doubtful' else standing end
    where stream = ? and hub_sequence > ?`)
  const addCount = store.prepare(`
    insert into sync_counts (kind, depth, rows) values (?, ?, ?) on conflict do update set rows = rows + excluded.rows`)
  const selectCount = store.prepare<{ rows: number }>("select rows from sync_counts where kind = ? and depth = ?")
  const selectPut = store.prepare("select 1 from sync_rows where entity >= ? and entity < ? and kind = 'put' limit 1")

  function write({ record, change, hubSequence, standing }: Row): void {
    const { entity, kind, stamp, origin, sequence } = record
    const key = keyOf(entity)
    const present = select.get(key)
    if (present !== undefined && present.sequence === sequence && present.origin === origin) {
      updateStanding.run(change, hubSequence, standing, present.number)
      return
    }
    // The key of a person who was there, and is not, must be another one.
    const bytesNumber = insertBytes.get(sealBytes(vault, record))?.number ?? 0
    const values = [kind, streamOf(kind), stamp, origin, sequence, change, hubSequence, standing, bytesNumber]
    if (present === undefined) insert.run(key, ...values)
    else {
      replace.run(...values, present.number)
      removeBytes.run(present.bytesNumber)
    }
    future.follow(key, record)
    if (present?.kind === kind) return
    addCount.run(kind, depthOfKey(key), 1)
    if (present !== undefined) counted(present)
  }

  /** A row is not what it was. */
  function counted({ entity: key, kind }: Pick<StoredRow, "entity" | "kind">): void {
    addCount.run(kind, depthOfKey(key), -1)
    if (kind === "put") shredIfLast(key)
  }

  /** When nothing is left that says something of the person, nothing that did so before shall open, in a backup either. */
  function shredIfLast(key: Uint8Array): void {
    if (!vault.isSealed) return
    const person = personKeyOf(key)
    if (selectPut.get(person, endBelow(person)) === undefined) vault.shredKey(ownerOfEntity(entityOfKey(person)))
  }

  function rowsAfter(stream: GalleryStream, change: number, limit: number): readonly Row[] {
    const rows: Row[] = []
    for (let after = change; rows.length < limit; ) {
      const wanted = limit - rows.length
      const page = selectAfter.all(stream, after, wanted)
      // One that does not open any more must not stop those behind it. Others are opened when somebody asks for them.
      for (const stored of page) {
        const found = stored.standing === "due" ? opened(stored) : read(stored)
        if (found !== undefined) rows.push(found)
      }
      after = page.at(-1)?.change ?? after
      if (page.length < wanted) break
    }
    return rows
  }

  const row = (entity: Entity): Row | undefined => {
    const found = select.get(keyOf(entity))
    return found && read(found)
  }

  const base: Omit<Tables, "show" | "hide" | "counts"> = {
    row,
    below(entity) {
      const key = keyOf(entity)
      return selectBelow.all(key, endBelow(key)).map((found) => read(found))
    },
    write,
    remove(entity) {
      const key = keyOf(entity)
      const present = select.get(key)
      if (present === undefined) return
      remove.run(present.number)
      removeBytes.run(present.bytesNumber)
      future.removed(key)
      counted(present)
    },
    rowsAfter,
    nextChange: state.nextChange,
    origin: state.origin,
    nextSequence: state.nextSequence,
    lastSequence: state.lastSequence,
    beginLife: state.newLife,
    position: state.position,
    setPosition(stream, sequence) {
      // What was refused behind it is met again, or is not there any more.
      if (sequence < state.position(stream)) refused.removeAfter(stream, sequence)
      state.setPosition(stream, sequence)
    },
    markers: state.markers,
    setMarkers: state.setMarkers,
    doubtAfter: (stream, sequence) => void doubt.run(stream, sequence),
    doubtful: (stream, limit) => selectDoubtful.all(stream, limit).map((found) => read(found)),
    cursor: state.cursor,
    setCursor: state.setCursor,
    mustReadErasures: state.mustReadErasures,
    setErasuresRead: state.setErasuresRead,
    refused: refused.add,
  }

  const countOf = (kind: Kind, depth: number): number => selectCount.get(kind, depth)?.rows ?? 0

  return {
    countOf,
    /** For what the gallery has already. */
    own(): Tables {
      const counts = () => {
        const expected = countOf("put", faceDepth)
        return { expected, present: expected }
      }
      return { ...base, counts, show: () => undefined, hide: () => undefined }
    },
    shown(showing: Showing, transaction: Transaction): Tables {
      const tables: Tables = {
        ...base,
        counts: () => ({ expected: countOf("put", faceDepth), present: showing.present() }),
        show: (record, content) => showing.show(record, content, transaction),
        hide: (entity) => showing.hide(entity, isErased(tables, entity) ? "erase" : "del", transaction),
      }
      return tables
    },
  }
}

export type OpenedTables = ReturnType<typeof openTables>

/** In what a box is told of. */
export const galleryStreams: readonly GalleryStream[] = ["erasures", "records"]
