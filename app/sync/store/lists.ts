import type { Store } from "../../store/store.ts"
import type { RefusedEntry } from "../box.ts"
import type { Entity } from "../entity.ts"
import type { GalleryStream } from "../hub.ts"
import type { Origin } from "../merge.ts"
import type { SyncRecord } from "../record.ts"
import { isFromTheFuture, type Stamp } from "../stamp.ts"
import { entityOfKey, keyOf } from "./rows.ts"
import type { Conflict, ConflictList, FutureList, RefusedAt } from "./sync-store.ts"

/** For a person to look at; of more the oldest leave, for by then somebody has seen that something is wrong. */
export const refusedMax = 200
export const conflictsMax = 1000

export function openRefused(store: Store, wallClockMs: () => number) {
  // A round that was cut off meets it again: it stands there once.
  const upsert = store.prepare(`
    insert into sync_refused (stream, hub_sequence, key, kind, why, at_ms) values (?, ?, ?, ?, ?, ?)
    on conflict do update set key = excluded.key, kind = excluded.kind, why = excluded.why, at_ms = excluded.at_ms`)
  const trim = store.prepare(`
    delete from sync_refused where number <= (select number from sync_refused order by number desc limit 1 offset ?)`)
  const removeAfter = store.prepare("delete from sync_refused where stream = ? and hub_sequence > ?")
  const select = store.prepare<RefusedAt>(`
    select stream, hub_sequence as sequence, key, kind, why, at_ms as atMs from sync_refused order by number desc limit ?`)
  return {
    add({ stream, sequence, key, kind, why }: RefusedEntry): void {
      upsert.run(stream, sequence, key, kind, why, wallClockMs())
      trim.run(refusedMax)
    },
    removeAfter: (stream: GalleryStream, sequence: number): void => void removeAfter.run(stream, sequence),
    list: (limit: number): readonly RefusedAt[] => select.all(limit),
  }
}

interface FutureRow {
  readonly entity: Uint8Array
  readonly stamp: Stamp
  readonly origin: Origin
  readonly atMs: number
}

export function openFuture(store: Store, wallClockMs: () => number) {
  const upsert = store.prepare(`
    insert into sync_future (entity, stamp, origin, at_ms) values (?, ?, ?, ?)
    on conflict do update set stamp = excluded.stamp, origin = excluded.origin, at_ms = excluded.at_ms`)
  const remove = store.prepare("delete from sync_future where entity = ?")
  const select = store.prepare<FutureRow>(
    "select entity, stamp, origin, at_ms as atMs from sync_future order by at_ms, entity limit ?",
  )
  const list: FutureList = {
    list: (limit) => select.all(limit).map((row) => ({ ...row, entity: entityOfKey(row.entity) })),
    resolve: (entity: Entity) => remove.run(keyOf(entity)) > 0,
  }
  return {
    list,
    /** A version that was written now. One before it is nobody's concern any more. */
    follow(key: Uint8Array, { stamp, origin }: Pick<SyncRecord, "stamp" | "origin">): void {
      const nowMs = wallClockMs()
      if (isFromTheFuture(stamp, nowMs)) upsert.run(key, stamp, origin, nowMs)
      else remove.run(key)
    },
    removed: (key: Uint8Array): void => void remove.run(key),
  }
}

export function openConflicts(store: Store, wallClockMs: () => number): ConflictList {
  const insert = store.prepare(
    "insert into sync_conflicts (kind, subject_id, other_id, at_ms) values (?, ?, ?, ?) on conflict do nothing",
  )
  const trim = store.prepare(`
    delete from sync_conflicts where number <= (select number from sync_conflicts order by number desc limit 1 offset ?)`)
  const columns = "number as id, kind, subject_id as subjectId, other_id as otherId, at_ms as atMs"
  const select = store.prepare<Conflict>(`select ${columns} from sync_conflicts order by number limit ?`)
  const selectOf = store.prepare<Conflict>(
    `select ${columns} from sync_conflicts where subject_id = ?1 or other_id = ?1 order by number`,
  )
  const remove = store.prepare("delete from sync_conflicts where number = ?")
  return {
    add({ kind, subjectId, otherId }) {
      insert.run(kind, subjectId, otherId, wallClockMs())
      trim.run(conflictsMax)
    },
    of: (subjectId) => selectOf.all(subjectId),
    list: (limit) => select.all(limit),
    resolve: (id) => remove.run(id) > 0,
  }
}
