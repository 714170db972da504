import { applyFromCourier } from "./apply.ts"
import type { Box, Tables } from "./box.ts"
import type { GalleryStream } from "./hub.ts"
import { isSame } from "./merge.ts"
import { parseRecord, type SyncRecord } from "./record.ts"
import type { Opened, Refusal } from "./sealing.ts"

/** Records on their way without the hub, on a stick: what a box has, for another box that will offer it to the hub. */

/** Where a bundle goes on: erasures come first. */
export interface BundlePosition {
  readonly stream: GalleryStream
  readonly change: number
}

/**
 * The next records after a position, as they are on this box now. `next` is absent after the last ones.
 * @param through what changed later is left to the next bundle, so that one ends however much is written meanwhile
 */
export function bundlePage(
  tables: Tables,
  since: number,
  position: BundlePosition,
  limit: number,
  through = Number.POSITIVE_INFINITY,
): { readonly records: readonly SyncRecord[]; readonly next?: BundlePosition } {
  const rows = tables.rowsAfter(position.stream, Math.max(since, position.change), limit)
  const records = rows.flatMap(({ record, change }) => (change <= through ? [record] : []))
  const last = rows.at(-1)
  if (last !== undefined && rows.length === limit && last.change <= through)
    return { records, next: { stream: position.stream, change: last.change } }
  return position.stream === "erasures" ? { records, next: { stream: "records", change: since } } : { records }
}

export interface Imported {
  readonly changed: number
  readonly known: number
  readonly refused: number
}

/**
 * Takes records in one transaction. A second time nothing changes, and an old stick brings back nobody who was erased.
 * @param noteRefused hears of each that is not believed, in the transaction
 */
export function importRecords(
  box: Box,
  open: (bytes: Uint8Array) => Opened,
  records: readonly Uint8Array[],
  noteRefused: (refusal: Refusal, bytes: Uint8Array, tables: Tables) => void = () => {},
): Imported {
  return box.transact((tables) => {
    const sum = { changed: 0, known: 0, refused: 0 }
    for (const bytes of records) {
      const opened = isHeld(tables, bytes) ? undefined : open(bytes)
      if (opened === undefined) sum.known++
      else if (opened.kind !== "opened") {
        sum.refused++
        noteRefused(opened, bytes, tables)
      } else if (applyFromCourier(tables, opened) === "new") sum.changed++
      else sum.known++
    }
    return sum
  })
}

/** Whether the box holds these very bytes. They were proved when they came, and need not be a second time. */
function isHeld(tables: Tables, bytes: Uint8Array): boolean {
  const parsed = parseRecord(bytes)
  if (parsed.kind !== "parsed") return false
  const { version } = parsed.record
  const present = tables.row(version.entity)?.record
  return present !== undefined && isSame(present, version) && Buffer.compare(present.bytes, bytes) === 0
}
