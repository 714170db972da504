import { hubSequenceFor, isErased, replace } from "./apply.ts"
import type { Tables } from "./box.ts"
import { above, type Entity } from "./entity.ts"
import type { Kind } from "./merge.ts"
import type { SyncRecord } from "./record.ts"
import type { Draft } from "./sealing.ts"
import { nextStamp } from "./stamp.ts"

/** A change that somebody makes at this box. */
export interface Change {
  readonly kind: Kind
  readonly entity: Entity
  /** Empty but for a `put`. */
  readonly content: Uint8Array
  /** When somebody made it, where that is known: wall time. */
  readonly atMs?: number
}

/**
 * Writes changes of this box, each with its row for the hub, in the caller's transaction. Of one entity there is one at most.
 * @param wallMs for changes that do not say when they were made
 * @param seal signs those that are given together with one signature (sealing.ts)
 * @returns the records, and the entities that were left as they are because they are erased, or are by another of these changes
 */
export function writeChanges(
  tables: Tables,
  changes: readonly Change[],
  wallMs: number,
  seal: (drafts: readonly Draft[]) => readonly SyncRecord[],
): { readonly records: readonly SyncRecord[]; readonly erased: readonly Entity[] } {
  const erasedNow = new Set(changes.flatMap(({ kind, entity }) => (kind === "erase" ? [entity] : [])))
  const open = changes.filter(({ entity }) => !isErased(tables, entity) && !above(entity).some((path) => erasedNow.has(path)))
  if (open.length === 0) return { records: [], erased: changes.map(({ entity }) => entity) }
  const records = seal(
    open.map(({ kind, entity, content, atMs = wallMs }) => {
      const stamp = nextStamp(atMs, tables.row(entity)?.record.stamp)
      return { version: { kind, entity, stamp, origin: tables.origin(), sequence: tables.nextSequence() }, content }
    }),
  )
  for (const [i, record] of records.entries()) {
    const hubSequence = hubSequenceFor(record, tables.row(record.entity))
    replace(tables, { kind: "opened", record, content: open[i]?.content ?? new Uint8Array() }, { hubSequence, standing: "due" })
  }
  return { records, erased: changes.filter((change) => !open.includes(change)).map(({ entity }) => entity) }
}
