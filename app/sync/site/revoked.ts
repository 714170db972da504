import { replace } from "../apply.ts"
import type { Box, Row, Tables } from "../box.ts"
import type { GalleryStream } from "../hub.ts"
import { createOpener, type SiteKeys, sealRecords } from "../sealing.ts"
import type { SyncSettings } from "../store/settings.ts"
import { settle } from "./authority.ts"
import type { Site } from "./site.ts"
import { settingNames } from "./state.ts"

/**
 * What becomes of the records of a box that was revoked. Its signing key may be in anybody's hand, and with it records can be made
 * that claim any time, origin and sequence; nothing tells them from the true ones. So none that it signed is believed any more, by
 * anybody, and what the site had of it by then is written anew:
 *
 * 1. The holder of the authority writes all that it has of the box again, as its own, and when that is at the hub says so in the
 *    roster (`settled`). Until then the others keep what they have.
 * 2. After it, what another box still has of the revoked one never reached the holder: it came by a stick, or in the last moment.
 *    It is taken out, and what lay under it is read from the hub again. An erasure has happened and stays: it is said again by
 *    whoever has it.
 *
 * What the holder did not have is lost; who takes a box out that is in good order has it leave instead.
 */
export interface RevokedNeeds {
  readonly box: Box
  readonly site: Site
  readonly settings: SyncSettings
  readonly wallClockMs?: () => number
}

export interface Cleared {
  /** Records written anew, as this box's own. */
  readonly adopted: number
  /** … taken out. */
  readonly dropped: number
}

const streams: readonly GalleryStream[] = ["erasures", "records"]
const pageRows = 500

/** One pass, after a round that came to its end: the roster was read before it. Costs nothing where nobody was revoked. */
export async function clearRevoked(needs: RevokedNeeds): Promise<Cleared> {
  const { site, settings, wallClockMs = Date.now } = needs
  const cleared = new Set(namesIn(settings.get(settingNames.cleared)))
  let [adopted, dropped] = [0, 0]
  for (const { box, standing } of site.members()) {
    if (standing.kind !== "revoked" || box === site.box || site.standing() !== "member") continue
    if (!standing.settled && site.isHolder()) {
      const written = await eachPage(needs, box, () => "adopt")
      adopted += written.adopted
      if (written.adopted === 0 && isPushed(needs.box)) settle(site, box, wallClockMs())
    } else if (standing.settled && !cleared.has(box)) {
      const left = await eachPage(needs, box, ({ record }) => (record.kind === "erase" ? "adopt" : "drop"))
      if (left.dropped > 0) readAllAgain(needs.box)
      cleared.add(box)
      settings.set(settingNames.cleared, new TextEncoder().encode([...cleared].join(" ")))
      adopted += left.adopted
      dropped += left.dropped
    }
  }
  return { adopted, dropped }
}

const namesIn = (stored: Uint8Array | undefined) => (stored === undefined ? [] : new TextDecoder().decode(stored).split(" "))

/** Nothing of this box waits for the hub. */
function isPushed(box: Box): boolean {
  return box.transact((tables) =>
    streams.every((stream) => tables.rowsAfter(stream, tables.cursor(`hub/${stream}`), 1).length === 0),
  )
}

/** Looks at all rows, so many in a transaction, and lets others have a turn in between. */
async function eachPage(needs: RevokedNeeds, revoked: string, fateOf: (row: Row) => "adopt" | "drop"): Promise<Cleared> {
  const sum = { adopted: 0, dropped: 0 }
  for (const stream of streams) {
    // What is written anew moves to the end, and is met there as this box's own.
    const end = needs.box.transact((tables) => tables.nextChange())
    for (let after = 0; ; ) {
      const rows = needs.box.transact((tables) => {
        const page = tables.rowsAfter(stream, after, pageRows)
        const theirs = page.filter(({ record, change }) => change < end && record.origin.startsWith(`${revoked}.`))
        const adopted = theirs.filter((row) => fateOf(row) === "adopt")
        sum.adopted += adoptRows(tables, needs.site, adopted)
        for (const { record } of theirs.filter((row) => !adopted.includes(row))) {
          tables.remove(record.entity)
          tables.hide(record.entity)
          sum.dropped++
        }
        return page
      })
      const last = rows.at(-1)
      if (last === undefined || rows.length < pageRows || last.change >= end) break
      after = last.change
      await Bun.sleep(0)
    }
  }
  return sum
}

/** The same content as this box's own record, just above the other in the order: an edit that somebody made since still wins. */
function adoptRows(tables: Tables, site: Site, rows: readonly Row[]): number {
  if (rows.length === 0) return 0
  const { suite, siteKey, publicKeyOf } = site.keys()
  // Here alone their signature is looked at once more.
  const believing: SiteKeys = { suite, siteKey, publicKeyOf }
  const { open } = createOpener(believing)
  const drafts = rows.flatMap((row) => {
    const opened = open(row.record.bytes)
    if (opened.kind !== "opened") return []
    const { kind, entity, stamp } = row.record
    // Of two erasures the first stays.
    const version = { kind, entity, stamp: kind === "erase" ? Math.max(0, stamp - 1) : stamp + 1, origin: tables.origin() }
    return [{ row, version: { ...version, sequence: tables.nextSequence() }, content: opened.content }]
  })
  const records = sealRecords(site.keys(), drafts)
  for (const [i, draft] of drafts.entries()) {
    const record = records[i]
    if (record === undefined) continue
    const at = { hubSequence: draft.row.hubSequence, standing: "due" as const }
    replace(tables, { kind: "opened", record, content: draft.content }, at)
  }
  return drafts.length
}

function readAllAgain(box: Box): void {
  box.transact((tables) => {
    for (const stream of streams) {
      tables.setPosition(stream, 0)
      tables.setMarkers(stream, [])
    }
  })
}
