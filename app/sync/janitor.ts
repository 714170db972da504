import type { Box, Row, Tables } from "./box.ts"
import { above, type Entity, isEntity } from "./entity.ts"
import type { GalleryStream, HubKeeping, HubRecord, Marker, Unreachable } from "./hub.ts"
import { wins } from "./merge.ts"
import { openPlaced, type PullNeeds } from "./pull.ts"
import { offer } from "./push.ts"
import type { SyncRecord } from "./record.ts"

/**
 * The role of one box at the hub: it writes the markers, and removes from the hub's disk what was overwritten or erased. Overwriting
 * alone leaves the old record in the hub's files, where it can never be removed later; so the hub keeps a few versions of a key,
 * and the janitor removes all but the last.
 *
 * Removing is the one thing that compare-and-set does not guard. A hub that just lost its end may have lost what a record was
 * removed for; other boxes have no reason to offer it again, for to them it lies safely before a marker. So nothing is removed but
 * for a record that lies before a marker, and the marker is looked for before and after: if it is gone, what was removed is offered
 * again. (The simulator found this: a box that was the only one to have the newer version had then lost its disk, too.)
 */
export interface JanitorNeeds extends Pick<PullNeeds, "open" | "pageRecords"> {
  readonly hub: HubKeeping
  readonly box: Box
  /** A name that no marker ever had: the time and something random. */
  readonly markerName: () => string
}

export type Swept =
  | {
      readonly kind: "swept"
      readonly removed: number
    }
  /** The hub lost its end meanwhile: what was removed is back, and the next time is another one. */
  | { readonly kind: "unsteady" }
  | Unreachable

/** Up to where this box knows that the hub is as it was. */
type Proved = Readonly<Record<GalleryStream, Marker | undefined>>

const streams: readonly GalleryStream[] = ["erasures", "records"]

export function createJanitor(needs: JanitorNeeds) {
  const { hub, box, open, pageRecords } = needs
  /** Removed, and not yet known whether rightly. */
  let unproved: SyncRecord[] = []

  async function isProved(proved: Proved): Promise<{ readonly kind: "proved" } | { readonly kind: "unsteady" } | Unreachable> {
    for (const stream of streams) {
      const marker = proved[stream]
      if (marker === undefined) continue
      const found = await hub.markerAt(stream, marker.sequence)
      if (found.kind === "unreachable") return found
      if (found.kind === "none" || found.marker.name !== marker.name) return { kind: "unsteady" }
    }
    return { kind: "proved" }
  }

  async function bringBack(): Promise<{ readonly kind: "unsteady" } | Unreachable> {
    for (let record = unproved.at(-1); record !== undefined; record = unproved.at(-1)) {
      const offered = await offer(needs, record, 0)
      if (offered.kind === "unreachable") return offered
      unproved.pop()
    }
    return { kind: "unsteady" }
  }

  /** Removes of a page what is left over, and comes back with how much that was. */
  async function sweepPage(records: readonly HubRecord[], proved: Proved): Promise<Swept> {
    const leftOver = box.transact((tables) =>
      records.flatMap((entry) => {
        // Nearly all of a page is what this box holds itself, and need not be opened for that.
        if (!isEntity(entry.key) || !mayBeLeftOver(tables, entry, proved)) return []
        const opened = openPlaced(open, "records", entry)
        // What a revoked box wrote counts for nobody, and leaves for anything that does.
        if (opened.kind !== "opened" && opened.kind !== "revoked_box") return []
        const record = opened.kind === "opened" ? opened.record : undefined
        return isLeftOver(tables, entry, record, proved) ? [{ entry, record }] : []
      }),
    )
    if (leftOver.length === 0) return { kind: "swept", removed: 0 }
    const before = await isProved(proved)
    if (before.kind !== "proved") return before
    for (const { entry, record } of leftOver) {
      if (record !== undefined) unproved.push(record)
      const gone = await hub.remove("records", entry)
      if (gone.kind === "unreachable") return gone
    }
    const after = await isProved(proved)
    if (after.kind === "unsteady") return bringBack()
    if (after.kind === "unreachable") return after
    unproved = []
    return { kind: "swept", removed: leftOver.length }
  }

  return {
    /** A marker in each stream: about once a minute, so that a box that comes back reads a minute again. */
    async mark(): Promise<{ readonly kind: "marked" } | Unreachable> {
      for (const stream of [...streams, "announcements"] as const) {
        const marked = await hub.mark(stream, needs.markerName())
        if (marked.kind === "unreachable") return marked
      }
      return { kind: "marked" }
    },

    /** One pass over all records at the hub after a number, to the end. */
    async sweep(from: number): Promise<Swept> {
      if (unproved.length > 0) return bringBack()
      const proved = box.transact((tables) => ({
        erasures: tables.markers("erasures").at(-1),
        records: tables.markers("records").at(-1),
      }))
      let removed = 0
      for (let after = from; ; ) {
        const page = await hub.read("records", after, pageRecords)
        if (page.kind === "unreachable") return page
        const swept = await sweepPage(
          page.entries.flatMap((entry) => (entry.kind === "record" ? [entry.record] : [])),
          proved,
        )
        if (swept.kind !== "swept") return swept
        removed += swept.removed
        const last = page.entries.at(-1)
        if (last !== undefined) after = last.kind === "marker" ? last.marker.sequence : last.record.sequence
        if (page.isEnd) return { kind: "swept", removed }
      }
    },
  }
}

const isProved = (row: Row | undefined, marker: Marker | undefined): row is Row =>
  row !== undefined && marker !== undefined && row.standing === "held" && row.hubSequence <= marker.sequence

/** Whether the entry is erased, by a record that is proved by a marker. */
function isErasedFor(tables: Tables, key: string, proved: Proved): boolean {
  const entity = key as Entity
  return [entity, ...above(entity)].some((path) => {
    const row = tables.row(path)
    return row?.record.kind === "erase" && isProved(row, proved.erasures)
  })
}

function mayBeLeftOver(tables: Tables, { key, sequence }: HubRecord, proved: Proved): boolean {
  const hubSequence = tables.row(key as Entity)?.hubSequence ?? 0
  return hubSequence > sequence || isErasedFor(tables, key, proved)
}

/** Erased, or an older version of what lies further on; either proved by a marker. */
function isLeftOver(tables: Tables, { key, sequence }: HubRecord, record: SyncRecord | undefined, proved: Proved): boolean {
  if (isErasedFor(tables, key, proved)) return true
  const row = tables.row(key as Entity)
  if (!isProved(row, proved.records) || row.record.kind === "erase") return false
  if (record === undefined) return row.hubSequence > sequence
  return row.hubSequence > sequence && !wins(record, row.record)
}
