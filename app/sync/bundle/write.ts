import { assert } from "../../base/assert.ts"
import { version as program } from "../../base/version.ts"
import { type Box, type Target, whyShrunken } from "../box.ts"
import { type BundlePosition, bundlePage } from "../courier.ts"
import type { Origin } from "../merge.ts"
import type { SiteKeys, WritingKeys } from "../sealing.ts"
import {
  type BundleHeader,
  blockBytesAim,
  blockRecordsMax,
  boxOf,
  bundleMagic,
  bundleVersion,
  createBlockSeal,
  frameKinds,
  jsonBytes,
  listed,
  type SiteName,
  toSign,
  u32,
} from "./format.ts"

export interface BundleWriteNeeds {
  readonly box: Box
  readonly site: SiteName
  /** The exporter's own, as a person calls it. */
  readonly boxName: string
  readonly keys: WritingKeys
  /** What the site says of its members and keys, signed by it, for boxes that the hub does not reach. */
  readonly notices: readonly Uint8Array[]
  nowMs(): number
}

/** A bundle that is about to be written: its opening stands, its blocks are made while they are asked for. */
export interface BeginningBundle {
  readonly kind: "begun"
  readonly header: BundleHeader
  /** Memory stays flat: one page of records at a time is read, in a transaction of its own. */
  readonly bytes: Generator<Uint8Array, WrittenBundle>
}

export interface WrittenBundle {
  readonly records: number
}

/** Up to where a box has confirmed what this one, in its present life, wrote into bundles. */
export function confirmedBy(receiver: string, exporter: Origin): Target {
  return `bundle/${receiver}/${exporter}`
}

/**
 * @param receiver only what this box (8 hex digits) has not confirmed yet; everything without one
 * @returns `stopped` for a box that is not in order (see `whyShrunken`): it sends nothing anywhere
 */
export function beginBundle(
  needs: BundleWriteNeeds,
  receiver: string | undefined,
): BeginningBundle | { readonly kind: "stopped"; readonly why: string } {
  const { box, keys } = needs
  const start = box.transact((tables) => {
    const why = whyShrunken(tables.counts())
    const exporter = tables.origin()
    const since = receiver === undefined ? 0 : tables.cursor(confirmedBy(receiver, exporter))
    // A number of its own, which no row has: all that is there now lies below it.
    return { why, exporter, since, through: tables.nextChange() }
  })
  if (start.why !== undefined) return { kind: "stopped", why: start.why }
  const { exporter, since, through } = start
  const header: BundleHeader = {
    id: crypto.getRandomValues(new Uint8Array(16)).toHex(),
    site: needs.site.name,
    siteId: needs.site.id,
    suite: keys.suite.name,
    epoch: keys.epoch,
    exporter,
    exporterName: needs.boxName,
    ...(receiver !== undefined && { receiver }),
    since,
    through,
    createdAtMs: needs.nowMs(),
    program,
  }
  assert(keys.publicKeyOf(boxOf(exporter)) !== undefined, "a box that writes bundles is a member of its site")
  return { kind: "begun", header, bytes: bundleBytes(needs, header) }
}

function* bundleBytes({ box, keys, notices }: BundleWriteNeeds, header: BundleHeader): Generator<Uint8Array, WrittenBundle> {
  const { suite, pair } = keys
  const sign = (hash: Uint8Array) => suite.signing.sign(pair, toSign(hash))
  const siteKey = keys.siteKey(header.epoch)
  assert(siteKey !== undefined, "a box that writes bundles has the key of the present epoch")
  const open = openingOf(header, notices)
  const opening = Buffer.concat([open, sign(suite.hash(open))])
  const seal = createBlockSeal(suite, siteKey, header.id, opening)
  yield opening

  function frame(kind: number, plain: Uint8Array): Uint8Array {
    const sealed = seal.seal(kind, plain)
    const bytes = Buffer.concat([Uint8Array.of(kind), u32(sealed.length), sealed])
    seal.passed(bytes)
    return Buffer.concat([bytes, sign(seal.hash())])
  }

  let records = 0
  for (const block of blocksOf(box, keys, header)) {
    records += block.length
    yield frame(frameKinds.records, Bun.zstdCompressSync(listed(block)))
  }
  yield frame(frameKinds.end, jsonBytes({ records }))
  return { records }
}

function openingOf(header: BundleHeader, notices: readonly Uint8Array[]): Uint8Array {
  const [text, said] = [jsonBytes(header), Bun.zstdCompressSync(listed(notices))]
  return Buffer.concat([bundleMagic, Uint8Array.of(bundleVersion), u32(text.length), text, u32(said.length), said])
}

/** Pages as they are in the tables, cut where a block is full. What nobody of the site believes any more stays here. */
function* blocksOf(box: Box, keys: SiteKeys, { since, through }: BundleHeader): Generator<readonly Uint8Array[]> {
  let position: BundlePosition | undefined = { stream: "erasures", change: since }
  while (position !== undefined) {
    const at: BundlePosition = position
    const page: ReturnType<typeof bundlePage> = box.transact((tables) =>
      bundlePage(tables, since, at, blockRecordsMax, through),
    )
    let block: Uint8Array[] = []
    let bytes = 0
    for (const record of page.records) {
      if (keys.whyNotBelieved?.(boxOf(record.origin)) !== undefined) continue
      block.push(record.bytes)
      bytes += record.bytes.length
      if (bytes < blockBytesAim) continue
      yield block
      block = []
      bytes = 0
    }
    if (block.length > 0) yield block
    position = page.next
  }
}
