import { type Box, type Target, whyShrunken } from "../box.ts"
import { importRecords } from "../courier.ts"
import type { Origin } from "../merge.ts"
import { parseRecord } from "../record.ts"
import { createOpener, type Refusal, type WritingKeys } from "../sealing.ts"
import type { BundleHeader } from "./format.ts"
import { type BundleRefusal, type BundleSite, type BundleSource, readBundle } from "./read.ts"
import { type BundleReceipt, signBundleReceipt } from "./receipt.ts"

/** … of a member that writes, too. */
export interface OwnBundleSite extends BundleSite {
  keys(): WritingKeys
}

export interface BundleImportNeeds {
  readonly box: Box
  readonly site: OwnBundleSite
  readonly boxName: string
  /** Resolves when more may be taken after so many records: others use the box meanwhile. */
  readonly pace: (records: number) => Promise<void>
  /** So many are taken in one transaction, or a block's more: each waits for the disk once, and keeps others from writing. */
  readonly pageRecords: number
  nowMs(): number
}

export interface ImportCounts {
  readonly changed: number
  /** The box had them, or has newer ones, or what they are about is erased. */
  readonly known: number
  readonly refused: readonly RefusedRecords[]
}

export interface RefusedRecords {
  readonly kind: Refusal["kind"]
  readonly count: number
  /** Of the first of them. */
  readonly why: string
}

export type ImportedBundle =
  | ({
      readonly kind: "imported"
      readonly header: BundleHeader
      /** This box has read all that is in it before. */
      readonly wasKnown: boolean
      /** The bundle begins after more changes than this box has read: those in between are missing, ask for a full one. */
      readonly missing?: { readonly after: number; readonly upTo: number }
      readonly receipt: BundleReceipt
    } & ImportCounts)
  /** The bundle, or what follows the records that were counted, was not taken. */
  | ({ readonly kind: "not_taken"; readonly refusal: BundleRefusal; readonly header?: BundleHeader } & ImportCounts)
  /** The box is not in order: it takes nothing (see `whyShrunken`). */
  | { readonly kind: "stopped"; readonly why: string }

/** Of records with pictures fewer are taken at once. */
const pageBytesMax = 4 * 1024 * 1024

/** Up to which change of an exporter, in one of its lives, this box has read its bundles without a gap. */
const readOf = (exporter: Origin): Target => `bundle/of/${exporter}`

/**
 * Takes a bundle, block by block in transactions: after a stick that was pulled out, what came is there, and a second import goes
 * on. A second time nothing changes. What is new is due at the hub, as if it had been written here.
 */
export async function importBundle(needs: BundleImportNeeds, source: BundleSource): Promise<ImportedBundle> {
  const { box, site, pace } = needs
  const why = box.transact((tables) => whyShrunken(tables.counts()))
  if (why !== undefined) return { kind: "stopped", why }
  const refused = new Map<Refusal["kind"], RefusedRecords>()
  let [changed, known, waitingBytes] = [0, 0, 0]
  let open: ReturnType<typeof createOpener>["open"] | undefined

  let waiting: Uint8Array[] = []

  async function takeWaiting(): Promise<void> {
    const records = waiting
    waiting = []
    waitingBytes = 0
    // Not before: the bundle's own notices may have brought keys.
    open ??= createOpener(site.keys()).open
    const page = importRecords(box, open, records, (refusal, bytes, tables) => {
      const { count } = refused.get(refusal.kind) ?? { count: 0 }
      refused.set(refusal.kind, { ...(refused.get(refusal.kind) ?? refusal), count: count + 1 })
      const parsed = parseRecord(bytes)
      const { entity, kind } = parsed.kind === "parsed" ? parsed.record.version : { entity: "", kind: undefined }
      tables.refused({ stream: kind === "erase" ? "erasures" : "records", sequence: 0, key: entity, ...refusal })
    })
    changed += page.changed
    known += page.known
    await pace(records.length)
  }

  const read = await readBundle(source, site, async (records) => {
    waiting.push(...records)
    waitingBytes += records.reduce((sum, { length }) => sum + length, 0)
    if (waiting.length >= needs.pageRecords || waitingBytes >= pageBytesMax) await takeWaiting()
  })
  if (waiting.length > 0) await takeWaiting()

  const counts: ImportCounts = { changed, known, refused: [...refused.values()] }
  if (read.kind !== "whole") {
    const { header, records: _, ...refusal } = read
    return { kind: "not_taken", refusal, ...(header && { header }), ...counts }
  }
  return { kind: "imported", ...settle(needs, read.header, counts), ...counts }
}

/**
 * Notes how far the exporter was read, and signs for it. What could not be read is to come again, so nothing is noted then; what a
 * revoked box wrote is wanted by nobody.
 */
function settle(needs: BundleImportNeeds, header: BundleHeader, { changed, known, refused }: ImportCounts) {
  const { exporter, since, through } = header
  const { before, now, origin } = needs.box.transact((tables) => {
    const before = tables.cursor(readOf(exporter))
    const now = refused.every(({ kind }) => kind === "revoked_box") && since <= before ? Math.max(before, through) : before
    if (now > before) tables.setCursor(readOf(exporter), now)
    return { before, now, origin: tables.origin() }
  })
  const receipt = signBundleReceipt(needs.site.keys(), {
    what: "receipt of a bundle",
    site: needs.site.site.name,
    siteId: needs.site.site.id,
    bundle: header.id,
    exporter,
    receiver: origin,
    receiverName: needs.boxName,
    through: now,
    changed,
    known,
    refused: refused.reduce((sum, { count }) => sum + count, 0),
    importedAtMs: needs.nowMs(),
  })
  return {
    header,
    wasKnown: before >= through,
    ...(since > before && { missing: { after: before, upTo: since } }),
    receipt,
  }
}
