import { z } from "zod"
import type { Suite } from "../../vault/suite.ts"
import type { Origin } from "../merge.ts"
import { recordBytesMax } from "../record.ts"

/**
 * A bundle: records on their way without the hub, in a file or a stream.
 *
 *     "GATEBNDL" · u8 version · u32 length · header, JSON · u32 length · notices of the site, zstd · signature, 64 bytes     (the opening)
 *     u8 kind (1 records, 2 end) · u32 length · sealed block with its tag · signature, 64 bytes                       (as often as needed)
 *
 * Lengths are big-endian. A block of records is zstd of the records, each with its length (u32) before it; the end is JSON with how many
 * there were. Each bundle has a key of its own, derived from the site's key of the epoch and the bundle's id. Each signature is the
 * exporter's, over a running hash of all bytes so far, which is also what a block is sealed with: one that was changed, moved,
 * doubled or left out is noticed before anything in it is believed, and so is an end that is not the end.
 *
 * Whoever finds the stick reads the header and the notices, which are signed by the site and are no secret; of the records they
 * learn how many bytes they take. The records themselves are sealed and signed by whoever wrote them, as they lie at the hub.
 */
export const bundleMagic = new TextEncoder().encode("GATEBNDL")
export const bundleVersion = 1
export const headerBytesMax = 4096
/** Of all notices, as they are written and as they are unpacked: 4 MiB hold the members and keys of thousands of boxes. */
export const noticesBytesMax = 4 * 1024 * 1024
/** A block is closed when it has so many bytes or records: what a box takes in one transaction. */
export const blockBytesAim = 1024 * 1024
export const blockRecordsMax = 128
/** … and the record that closed it, and what zstd and the seal add where nothing can be packed. */
export const blockBytesMax = blockBytesAim + recordBytesMax + 64 * 1024

export const frameKinds = { records: 1, end: 2 } as const

const count = z.int().min(0)

/** What lies open. Keys may be added; whoever does not know one does not miss it. */
const headerSchema = z.object({
  /** Of this bundle, 16 random bytes. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** For people … */
  site: z.string().min(1).max(64),
  /** … and what tells it from every other of its name. */
  siteId: z.string().regex(/^[0-9a-f]{32}$/),
  suite: z.enum(["aes", "gm"]),
  /** Of the site's key that the bundle's own is made of. */
  epoch: count,
  /** The box that wrote it, in its life at that time. */
  exporter: z.string().regex(/^[0-9a-f]{8}\.[0-9a-f]{12}$/),
  exporterName: z.string().max(64),
  /** For which box it was made, when it holds only what that box has not yet confirmed. */
  receiver: z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .optional(),
  /** It holds what changed at the exporter after the one number and up to the other. */
  since: count,
  through: count,
  /** Wall time, as right as the exporter's clock. */
  createdAtMs: count,
  program: z.string().max(64),
})

export type BundleHeader = Omit<z.output<typeof headerSchema>, "exporter"> & { readonly exporter: Origin }

/** `undefined` for what is no header. */
export function parseHeader(bytes: Uint8Array): BundleHeader | undefined {
  const header = parseJson(bytes, headerSchema)
  return header && { ...header, exporter: header.exporter as Origin }
}

const endSchema = z.object({ records: count })
export type BundleEnd = z.output<typeof endSchema>

export function parseEnd(bytes: Uint8Array): BundleEnd | undefined {
  return parseJson(bytes, endSchema)
}

export const jsonBytes = (value: BundleHeader | BundleEnd): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

function parseJson<Value>(bytes: Uint8Array, schema: z.ZodType<Value>): Value | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)))
    return parsed.success ? parsed.data : undefined
  } catch (error) {
    // TypeError: not UTF-8. RangeError: nested so deeply that the parser's own stack ended.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error
    return undefined
  }
}

export const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export const readU32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at)

/** Each with its length before it. */
export const listed = (items: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(items.flatMap((item) => [u32(item.length), item]))

/** Views, no copies; `undefined` when the lengths do not add up. */
export function unlisted(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const items: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + readU32(bytes, at)
    if (end > bytes.length) return undefined
    items.push(bytes.subarray(at + 4, end))
    at = end
  }
  return items
}

export interface SiteName {
  readonly name: string
  /** 32 hexadecimal digits. */
  readonly id: string
}

/** The first half of an origin: which box, whatever its life. */
export const boxOf = (origin: Origin): string => origin.slice(0, origin.indexOf("."))

const domain = new TextEncoder().encode("gatehouse bundle v1\0")

/** What a signature of the exporter is over. */
export const toSign = (runningHash: Uint8Array): Uint8Array => Buffer.concat([domain, runningHash])

export interface BlockSeal {
  /** Of all bytes so far; after the opening, of the opening. */
  hash(): Uint8Array
  seal(kind: number, plain: Uint8Array): Uint8Array
  open(kind: number, sealed: Uint8Array): Uint8Array | undefined
  /** The next block has another nonce, and is bound to this one. */
  passed(frame: Uint8Array): void
}

/**
 * What writer and reader of a bundle go along with, block by block.
 * @param opening all of it with its signature
 */
export function createBlockSeal(suite: Suite, siteKey: Uint8Array, id: string, opening: Uint8Array): BlockSeal {
  const key = suite.derive(siteKey, Uint8Array.fromHex(id), "gatehouse bundle v1", suite.keyBytes)
  let hash = suite.hash(opening)
  let number = 0

  function nonce(kind: number): Uint8Array {
    const bytes = new Uint8Array(12)
    bytes[0] = kind
    bytes.set(u32(number), 8)
    return bytes
  }

  return {
    hash: () => hash,
    seal: (kind, plain) => suite.seal(key, nonce(kind), hash, plain),
    open: (kind, sealed) => suite.open(key, nonce(kind), hash, sealed),
    passed(frame) {
      hash = suite.hash(Buffer.concat([hash, frame]))
      number++
    },
  }
}
