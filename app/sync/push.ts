import { applyFromHub } from "./apply.ts"
import type { Row, Tables } from "./box.ts"
import { type GalleryStream, type HubRecord, streamOf, type Unreachable } from "./hub.ts"
import { isSame, wins } from "./merge.ts"
import { openPlaced, type PullNeeds } from "./pull.ts"
import type { SyncRecord } from "./record.ts"
import type { Opened } from "./sealing.ts"

/** Offering the hub what it has not got, each entity by compare-and-set: nobody's version is overwritten unseen. */

export interface PushNeeds extends Omit<PullNeeds, "pace" | "pageRecords"> {
  /** So many are on their way at a time. */
  readonly windowRecords: number
}

export type Pushed = { readonly kind: "pushed"; readonly stored: number; readonly withheld: number } | Unreachable

type Offered =
  | { readonly kind: "held"; readonly sequence: number }
  /** The hub has a version that wins. */
  | { readonly kind: "beaten"; readonly entry: HubRecord; readonly opened: Extract<Opened, { readonly kind: "opened" }> }
  /** It does not get there, now: offered again after the next verified pull. */
  | { readonly kind: "withheld"; readonly why: string }
  | Unreachable

/** How often somebody else may be quicker. */
const triesMax = 8

/** Until nothing is left to offer in the stream. */
export async function push(needs: PushNeeds, stream: GalleryStream): Promise<Pushed> {
  const { box, windowRecords } = needs
  const target = `hub/${stream}` as const
  let stored = 0
  let withheld = 0
  for (;;) {
    const rows = box.transact((tables) => tables.rowsAfter(stream, tables.cursor(target), windowRecords))
    if (rows.length === 0) return { kind: "pushed", stored, withheld }
    const outcomes = await Promise.all(
      rows.map((row) => (row.standing === "due" ? offer(needs, row.record, row.hubSequence) : undefined)),
    )
    const unreachable = outcomes.find((outcome) => outcome?.kind === "unreachable")
    box.transact((tables) => {
      for (const [i, row] of rows.entries()) {
        const outcome = outcomes[i]
        if (outcome !== undefined) settle(tables, stream, row, outcome)
        if (outcome?.kind === "held") stored++
        if (outcome?.kind === "withheld") withheld++
      }
      const open = outcomes.findIndex((outcome) => outcome?.kind === "unreachable")
      const lastDone = open < 0 ? rows.at(-1) : rows[open - 1]
      if (lastDone !== undefined) tables.setCursor(target, lastDone.change)
    })
    if (unreachable !== undefined) return unreachable
  }
}

/** @param held the last number of the entity at the hub, as far as known */
export async function offer(
  { hub, open }: Pick<PushNeeds, "hub" | "open">,
  record: SyncRecord,
  held: number,
): Promise<Offered> {
  const stream = streamOf(record.kind)
  let expected = held
  for (let tries = 0; tries < triesMax; tries++) {
    const written = await hub.write(stream, record.entity, record.bytes, expected)
    if (written.kind === "written") return { kind: "held", sequence: written.sequence }
    if (written.kind === "refused") return { kind: "withheld", why: written.why }
    if (written.kind === "unreachable") return written
    const latest = await hub.latest(stream, record.entity)
    if (latest.kind === "unreachable") return latest
    if (latest.kind === "none") {
      expected = 0
      continue
    }
    const { entry } = latest
    // To the byte, also where nobody believes its writer any more.
    if (Buffer.compare(entry.bytes, record.bytes) === 0) return { kind: "held", sequence: entry.sequence }
    const opened = openPlaced(open, stream, entry)
    if (opened.kind === "opened") {
      if (isSame(opened.record, record)) return { kind: "held", sequence: entry.sequence }
      if (!wins(record, opened.record)) return { kind: "beaten", entry, opened }
    } else if (opened.kind === "no_key" || opened.kind === "malformed") {
      // Perhaps a true record that this box cannot read, of a newer version or under a newer key: it is not ours to overwrite.
      return { kind: "withheld", why: opened.why }
    }
    expected = entry.sequence
  }
  return { kind: "unreachable", why: `others kept writing ${record.entity}: ${triesMax} tries` }
}

/** The box may have changed while the hub was asked: what is there now decides. */
function settle(tables: Tables, stream: GalleryStream, { record }: Row, outcome: Offered): void {
  if (outcome.kind === "unreachable") return
  if (outcome.kind === "beaten") {
    applyFromHub(tables, outcome.entry, outcome.opened)
    return
  }
  const present = tables.row(record.entity)
  if (present === undefined || streamOf(present.record.kind) !== stream) return
  if (outcome.kind === "held") {
    const standing = isSame(present.record, record) ? "held" : present.standing
    tables.write({ ...present, hubSequence: outcome.sequence, standing })
  } else if (isSame(present.record, record)) tables.write({ ...present, standing: "doubtful" })
}
