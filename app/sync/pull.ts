import { applyFromHub } from "./apply.ts"
import type { Box, Tables } from "./box.ts"
import { isEntity } from "./entity.ts"
import type { GalleryStream, Hub, HubEntry, HubRecord, Marker, Stream, Unreachable } from "./hub.ts"
import { streamOf } from "./hub.ts"
import { withMarker } from "./markers.ts"
import type { Version } from "./merge.ts"
import type { Opened } from "./sealing.ts"

/**
 * Reading a stream of the hub. The hub may have lost its end since the last time, and have given the same numbers to other records:
 * a number alone proves nothing. What proves something is a marker that the box has seen and that is still where it was. All before
 * it is as it was, the *verified prefix*; all after it is read again, and what the hub does not show any more is offered to it.
 */

export interface PullNeeds {
  readonly hub: Hub
  readonly box: Box
  readonly open: (bytes: Uint8Array) => Opened
  /** Resolves when more may be read after so many: the limit for catching up (pace.ts). */
  readonly pace: (records: number) => Promise<void>
  readonly pageRecords: number
}

export type Pulled =
  | {
      readonly kind: "pulled"
      readonly entries: number
      readonly applied: number
      readonly refused: number
      /** How many the hub had lost. */
      readonly offeredAgain: number
    }
  /** The hub lost its end while it was read. Nothing wrong was kept; read again. */
  | { readonly kind: "unsteady" }
  | Unreachable

/** Reads what is new since the last time, without asking what the hub may have lost. Between two verified pulls. */
export async function pullNew(needs: PullNeeds, stream: GalleryStream): Promise<Pulled> {
  const from = needs.box.transact((tables) => tables.position(stream))
  return readPages(needs, stream, from, undefined)
}

/** Reads all that is not proved to be as it was, to the end, and offers again what is missing. */
export async function pullVerified(needs: PullNeeds, stream: GalleryStream): Promise<Pulled> {
  const { hub, box } = needs
  // The hub's newest marker comes first: as long as it is there, all answers since are about one history, the prefix's among them.
  const newest = await hub.newestMarker(stream)
  if (newest.kind === "unreachable") return newest
  const prefix = await verifiedPrefix(needs, stream)
  if (prefix.kind === "unreachable") return prefix
  box.transact((tables) => {
    tables.setMarkers(
      stream,
      tables.markers(stream).filter(({ sequence }) => sequence <= prefix.sequence),
    )
    // On the disk, not in memory: after a crash in the middle the markers read by then would vouch for what was never seen again.
    tables.doubtAfter(stream, prefix.sequence)
    tables.setPosition(stream, prefix.sequence)
  })
  const pulled = await readPages(needs, stream, prefix.sequence, newest.kind === "found" ? newest.marker : undefined)
  return pulled.kind === "pulled" ? { ...pulled, offeredAgain: offerDoubtful(box, stream) } : pulled
}

function verifiedPrefix({ hub, box }: PullNeeds, stream: GalleryStream) {
  return unchangedUpTo(
    hub,
    stream,
    box.transact((tables) => tables.markers(stream)),
  )
}

/**
 * Where the newest of these markers lies that the hub still has: all before it is as it was. 0 when there is none.
 * @param markers rising
 */
export async function unchangedUpTo(hub: Pick<Hub, "markerAt">, stream: Stream, markers: readonly Marker[]) {
  for (const known of markers.toReversed()) {
    const found = await hub.markerAt(stream, known.sequence)
    if (found.kind === "unreachable") return found
    if (found.kind === "found" && found.marker.name === known.name)
      return { kind: "verified", sequence: known.sequence } as const
  }
  return { kind: "verified", sequence: 0 } as const
}

/** @param newest markers up to it are kept, as long as it stays; without one, none are. */
async function readPages(needs: PullNeeds, stream: GalleryStream, from: number, newest: Marker | undefined): Promise<Pulled> {
  const { hub, box, pace, pageRecords } = needs
  const sum = { entries: 0, applied: 0, refused: 0 }
  for (let after = from; ; ) {
    const page = await hub.read(stream, after, pageRecords)
    if (page.kind === "unreachable") return page
    if (newest !== undefined) {
      const still = await hub.markerAt(stream, newest.sequence)
      if (still.kind === "unreachable") return still
      if (still.kind === "none" || still.marker.name !== newest.name) return { kind: "unsteady" }
    }
    const last = page.entries.at(-1)
    if (last !== undefined) {
      after = sequenceOf(last)
      const counts = box.transact((tables) => applyPage(tables, needs, stream, page.entries, newest))
      sum.entries += page.entries.length
      sum.applied += counts.applied
      sum.refused += counts.refused
    }
    if (page.isEnd) return { kind: "pulled", ...sum, offeredAgain: 0 }
    await pace(page.entries.length)
  }
}

function applyPage(
  tables: Tables,
  { open }: PullNeeds,
  stream: GalleryStream,
  entries: readonly HubEntry[],
  newest: Marker | undefined,
) {
  let applied = 0
  let refused = 0
  let markers = tables.markers(stream)
  for (const entry of entries) {
    if (entry.kind === "marker") {
      if (newest !== undefined && entry.marker.sequence <= newest.sequence) markers = withMarker(markers, entry.marker)
      continue
    }
    const { record } = entry
    const opened = openPlaced(open, stream, record)
    if (opened.kind === "opened") {
      beginLifeIfCopied(tables, opened.record)
      applied += applyFromHub(tables, record, opened) === "new" ? 1 : 0
    } else {
      refused++
      tables.refused({ stream, sequence: record.sequence, key: record.key, kind: opened.kind, why: opened.why })
      if (opened.kind === "revoked_box") offerInstead(tables, open, stream, record)
    }
  }
  tables.setMarkers(stream, markers)
  const last = entries.at(-1)
  if (last !== undefined) tables.setPosition(stream, sequenceOf(last))
  return { applied, refused }
}

/** What a revoked box put over ours counts for nothing, and is taken for nothing by whoever comes new: ours goes there again. */
function offerInstead(tables: Tables, open: PullNeeds["open"], stream: GalleryStream, { key, sequence }: HubRecord): void {
  // Whoever was revoked may have put it anywhere, also at what is no path.
  const present = isEntity(key) ? tables.row(key) : undefined
  if (present === undefined || streamOf(present.record.kind) !== stream) return
  if (present.standing !== "held" || sequence <= present.hubSequence || open(present.record.bytes).kind !== "opened") return
  tables.write({ ...present, hubSequence: sequence, standing: "due", change: tables.nextChange() })
}

/**
 * A record that this life wrote, and does not know: the disk is an old copy that nobody restored in the way that says so, of a
 * virtual machine for instance. From here on its numbers are not given a second time.
 */
function beginLifeIfCopied(tables: Tables, { origin, sequence }: Version): void {
  if (origin === tables.origin() && sequence > tables.lastSequence()) tables.beginLife()
}

/** Opens a record, and refuses one that lies where another belongs. */
export function openPlaced(
  open: PullNeeds["open"],
  stream: GalleryStream,
  { key, bytes }: HubRecord,
): Opened | { readonly kind: "misplaced"; readonly why: string } {
  const opened = open(bytes)
  if (opened.kind !== "opened") return opened
  const { kind, entity } = opened.record
  if (entity === key && streamOf(kind) === stream) return opened
  return { kind: "misplaced", why: `a ${kind} of ${entity} lies at ${key} in ${stream}` }
}

const offeredAtOnce = 1000

/** What was not seen again is not there any more. */
function offerDoubtful(box: Box, stream: GalleryStream): number {
  for (let offered = 0; ; ) {
    const rows = box.transact((tables) => {
      const doubtful = tables.doubtful(stream, offeredAtOnce)
      for (const row of doubtful) tables.write({ ...row, standing: "due", change: tables.nextChange() })
      return doubtful.length
    })
    offered += rows
    if (rows < offeredAtOnce) return offered
  }
}

export const sequenceOf = (entry: HubEntry) => (entry.kind === "marker" ? entry.marker.sequence : entry.record.sequence)
