import { applyFromCourier } from "./apply.ts"
import type { Box, Tables } from "./box.ts"
import type { GalleryStream } from "./hub.ts"
import type { SyncRecord } from "./record.ts"
import type { Opened } from "./sealing.ts"

/** Records on their way without the hub, on a stick: what a box has, for another box that will offer it to the hub. */

/** Where a bundle goes on: erasures come first. */
export interface BundlePosition {
  readonly stream: GalleryStream
  readonly change: number
}

/** The next records after a position, as they are on this box now. `next` is absent after the last ones. */
export function bundlePage(
  tables: Tables,
  since: number,
  position: BundlePosition,
  limit: number,
): { readonly records: readonly SyncRecord[]; readonly next?: BundlePosition } {
  const rows = tables.rowsAfter(position.stream, Math.max(since, position.change), limit)
  const records = rows.map(({ record }) => record)
  const last = rows.at(-1)
  if (last !== undefined && rows.length === limit) return { records, next: { stream: position.stream, change: last.change } }
  return position.stream === "erasures" ? { records, next: { stream: "records", change: since } } : { records }
}

export interface Imported {
  readonly changed: number
  readonly known: number
  readonly refused: number
}

/** Takes records in one transaction. A second time nothing changes, and an old stick brings back nobody who was erased. */
export function importRecords(box: Box, open: (bytes: Uint8Array) => Opened, records: readonly Uint8Array[]): Imported {
  return box.transact((tables) => {
    const sum = { changed: 0, known: 0, refused: 0 }
    for (const bytes of records) {
      const opened = open(bytes)
      if (opened.kind !== "opened") sum.refused++
      else if (applyFromCourier(tables, opened) === "new") sum.changed++
      else sum.known++
    }
    return sum
  })
}
