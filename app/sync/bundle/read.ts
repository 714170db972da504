import { zstdDecompressSync } from "node:zlib"
import { createReader } from "../../vault/reader.ts"
import { tagBytes } from "../../vault/suite.ts"
import { signatureBytes } from "../proof.ts"
import type { SiteKeys } from "../sealing.ts"
import { diskErrorOf } from "./disk-error.ts"
import {
  type BundleHeader,
  blockBytesMax,
  boxOf,
  bundleMagic,
  bundleVersion,
  createBlockSeal,
  frameKinds,
  headerBytesMax,
  noticesBytesMax,
  parseEnd,
  parseHeader,
  readU32,
  type SiteName,
  toSign,
  unlisted,
} from "./format.ts"

/** What of the site is asked while a bundle is read. */
export interface BundleSite {
  readonly site: SiteName
  /** As they are once the notices were taken. */
  keys(): SiteKeys
  standingOf(box: string): "member" | "revoked" | "unknown"
  /** What the bundle brings of the site's own notices; each proves itself, or is not believed. */
  takeNotices(notices: readonly Uint8Array[]): void
}

/** Why a bundle, or the rest of it, was not taken. */
export interface BundleRefusal {
  readonly kind: /** Something else, or so damaged that it is not recognised. */
    | "no_bundle"
    | "newer_version"
    | "other_site"
    | "other_suite"
    | "unknown_box"
    | "revoked_box"
    | "no_key"
    | "bad_signature"
    /** Changed, moved, doubled, left out or appended. */
    | "tampered"
    /** What was read is genuine, and the rest is missing. */
    | "truncated"
    /** The disk did not give it. */
    | "unreadable"
  readonly why: string
}

export type BundleSource = AsyncGenerator<Uint8Array>

type Opening = { readonly kind: "opening" } & ParsedOpening
interface ParsedOpening {
  readonly header: BundleHeader
  readonly notices: readonly Uint8Array[]
  /** What the signature is over. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

export type ReadBundle =
  | { readonly kind: "whole"; readonly header: BundleHeader; readonly records: number }
  /** `records` were handed over before; what they say was genuine. The header is absent when not even that was read. */
  | (BundleRefusal & { readonly header?: BundleHeader; readonly records: number })

/** What a bundle says of itself, without any key: nothing of it is proved. */
export async function readHeader(
  source: BundleSource,
): Promise<{ readonly kind: "header"; readonly header: BundleHeader } | BundleRefusal> {
  const watched = watch(source)
  await using reader = createReader(watched.source)
  const opening = await takeOpening(reader)
  return opening.kind === "opening" ? { kind: "header", header: opening.header } : (watched.trouble() ?? opening)
}

/**
 * Reads a bundle to its end and proves it on the way. Memory stays flat: one block is held at a time.
 * @param take gets each block's records once the block is proved, which says that a member of the site exported them in this order;
 *   each record has to be opened by itself. What was handed over stays true, however the bundle ends.
 */
export async function readBundle(
  source: BundleSource,
  site: BundleSite,
  take: (records: readonly Uint8Array[], header: BundleHeader) => Promise<void>,
): Promise<ReadBundle> {
  const watched = watch(source)
  await using reader = createReader(watched.source)
  const opening = await takeOpening(reader)
  if (opening.kind !== "opening") return { ...(watched.trouble() ?? opening), records: 0 }
  const { header } = opening
  const refused = admit(opening, site)
  if (refused !== undefined) return { ...refused, header, records: 0 }
  const blocks = createBlocks(reader, opening, site.keys())
  let records = 0
  for (;;) {
    const block = await blocks.next()
    switch (block.kind) {
      case "records":
        await take(block.records, header)
        records += block.records.length
        break
      case "end":
        return block.records === records
          ? { kind: "whole", header, records }
          : { kind: "tampered", why: `its end speaks of ${block.records} records, and ${records} came`, header, records }
      default:
        return { ...(watched.trouble() ?? block), header, records }
    }
  }
}

/** Whether the exporter may speak to this box. The notices are taken first: they may be what makes it known. */
function admit({ header, notices, signed, signature }: ParsedOpening, site: BundleSite): BundleRefusal | undefined {
  if (header.siteId !== site.site.id) return refusal("other_site", whyOtherSite(header, site.site))
  site.takeNotices(notices)
  const keys = site.keys()
  const box = boxOf(header.exporter)
  const who = `${header.exporterName} (${box})`
  if (header.suite !== keys.suite.name)
    return refusal("other_suite", `sealed by the suite ${header.suite}; this site uses ${keys.suite.name}`)
  const standing = site.standingOf(box)
  const publicKey = keys.publicKeyOf(box)
  if (standing === "unknown" || publicKey === undefined)
    return refusal("unknown_box", `written by the box ${who}, which this box does not know as a member of the site`)
  if (standing === "revoked")
    return refusal("revoked_box", `written by the box ${who}, which is no member any more: take a bundle of another box`)
  if (!keys.suite.signing.verify(publicKey, toSign(keys.suite.hash(signed)), signature))
    return refusal("bad_signature", `not signed by the box ${who}, which it names as its writer`)
  if (keys.siteKey(header.epoch) === undefined)
    return refusal("no_key", `sealed by the site key of epoch ${header.epoch}, which this box has not got`)
  return undefined
}

function whyOtherSite({ site, siteId }: BundleHeader, own: SiteName): string {
  const which = site === own.name ? `another site that is called ${site}, too (${siteId})` : `the site ${site}`
  return `it is of ${which}, and this box belongs to ${own.name}`
}

type Reader = ReturnType<typeof createReader>

async function takeOpening(reader: Reader): Promise<Opening | BundleRefusal> {
  const start = await exactly(reader, bundleMagic.length + 1 + 4)
  if (start === undefined || Buffer.compare(start.subarray(0, bundleMagic.length), bundleMagic) !== 0)
    return refusal("no_bundle", "it does not begin like a bundle of Gatehouse")
  const version = start[bundleMagic.length]
  if (version !== bundleVersion)
    return refusal(
      "newer_version",
      `it has format ${version}; this version of gatehouse reads format ${bundleVersion}: update this box`,
    )
  const headerBytes = readU32(start, bundleMagic.length + 1)
  if (headerBytes > headerBytesMax)
    return refusal("tampered", `a header of ${headerBytes} bytes; one has at most ${headerBytesMax}`)
  const middle = await exactly(reader, headerBytes + 4)
  if (middle === undefined) return truncatedAt("its header")
  const header = parseHeader(middle.subarray(0, headerBytes))
  if (header === undefined) return refusal("tampered", "its header is none")
  const noticesBytes = readU32(middle, headerBytes)
  if (noticesBytes > noticesBytesMax)
    return refusal("tampered", `notices of ${noticesBytes} bytes; they have at most ${noticesBytesMax}`)
  const rest = await exactly(reader, noticesBytes + signatureBytes)
  if (rest === undefined) return truncatedAt("its notices")
  const unpacked = unpack(rest.subarray(0, noticesBytes), noticesBytesMax)
  const notices = unpacked && unlisted(unpacked)
  if (notices === undefined) return refusal("tampered", "its notices are not as they were written")
  const signed = Buffer.concat([start, middle, rest.subarray(0, noticesBytes)])
  return { kind: "opening", header, notices, signed, signature: rest.subarray(noticesBytes) }
}

type Block =
  | { readonly kind: "records"; readonly records: readonly Uint8Array[] }
  | { readonly kind: "end"; readonly records: number }
  | BundleRefusal

function createBlocks(
  reader: Reader,
  { header, signed, signature }: ParsedOpening,
  keys: SiteKeys,
): { next(): Promise<Block> } {
  const { suite } = keys
  const publicKey = keys.publicKeyOf(boxOf(header.exporter)) ?? new Uint8Array()
  const siteKey = keys.siteKey(header.epoch) ?? new Uint8Array()
  const seal = createBlockSeal(suite, siteKey, header.id, Buffer.concat([signed, signature]))
  let number = 0

  const isKind = (kind: number | undefined): kind is 1 | 2 => kind === frameKinds.records || kind === frameKinds.end

  return {
    async next() {
      number++
      const tampered = refusal("tampered", `block ${number} is not as it was written, or not where it belongs`)
      const start = await exactly(reader, 5)
      if (start === undefined) return truncatedAt(`block ${number}`)
      const [kind, sealedBytes] = [start[0], readU32(start, 1)]
      if (!isKind(kind) || sealedBytes < tagBytes || sealedBytes > blockBytesMax) return tampered
      const body = await exactly(reader, sealedBytes + signatureBytes)
      if (body === undefined) return truncatedAt(`block ${number}`)
      const sealed = body.subarray(0, sealedBytes)
      const plain = seal.open(kind, sealed)
      seal.passed(Buffer.concat([start, sealed]))
      if (!suite.signing.verify(publicKey, toSign(seal.hash()), body.subarray(sealedBytes)) || plain === undefined)
        return tampered
      if (kind === frameKinds.end) return (await endOf(reader, plain)) ?? tampered
      const unpacked = unpack(plain, blockBytesMax)
      const records = unpacked && unlisted(unpacked)
      return records === undefined ? tampered : { kind: "records", records }
    },
  }
}

async function endOf(reader: Reader, plain: Uint8Array): Promise<Block | undefined> {
  const end = parseEnd(plain)
  if (end === undefined) return undefined
  const after = await reader.take(1)
  return after.bytes.length === 0 ? { kind: "end", ...end } : refusal("tampered", "bytes follow its end")
}

/** `undefined` when fewer are left. */
async function exactly(reader: Reader, bytes: number): Promise<Uint8Array | undefined> {
  const taken = await reader.take(bytes)
  return taken.bytes.length === bytes ? taken.bytes : undefined
}

function unpack(packed: Uint8Array, bytesMax: number): Uint8Array | undefined {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: bytesMax })
  } catch (error) {
    // All that it can say: these bytes are not packed, or they are more than they may be.
    if (error instanceof Error) return undefined
    throw error
  }
}

/** A stick that is pulled out answers with an error in the middle: it is remembered, and what came before it is read as an end. */
function watch(source: BundleSource): { readonly source: BundleSource; trouble(): BundleRefusal | undefined } {
  let trouble: BundleRefusal | undefined
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source
    } catch (error) {
      const code = diskErrorOf(error)
      if (code === undefined) throw error
      trouble = refusal("unreadable", `it cannot be read (${code}): ${String(error)}`)
    }
  }
  return { source: watched(), trouble: () => trouble }
}

const refusal = (kind: BundleRefusal["kind"], why: string): BundleRefusal => ({ kind, why })

const truncatedAt = (what: string) =>
  refusal("truncated", `its end is missing, from ${what} on: it was cut while it was written or copied`)
