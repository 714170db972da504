import { assert } from "../base/assert.ts"
import { createReader } from "./reader.ts"
import type { Opened, Refused, SealKey } from "./seal.ts"
import { nonceBytes, suiteNameOf, tagBytes } from "./suite.ts"

/**
 * What is too large for one sealing: an index snapshot, a backup.
 *
 *     0    mark, one byte
 *     1    format (high four bits), suite (low four bits)
 *     2    id of the key, 8 bytes
 *     10   salt, 32 bytes
 *     42   length of what is attached, uint32 big-endian, and the attachment
 *     …    pieces of 64 KiB, each with its tag; the last one is shorter or as long, and empty only in an empty stream
 *
 * Each stream has a key of its own, derived from the key, the whole header and the label, so the nonce of a piece is its number
 * with one byte that says whether it is the last (STREAM of Hoang, Reyhanitabar, Rogaway and Vizár, as in age). A piece that is
 * missing, moved, doubled or foreign does not open, and an end that is not the end is noticed.
 *
 * The attachment lies open, for what a reader needs before there is a key; it is as unchangeable as the rest.
 */
export interface StreamHeader {
  readonly suite: "aes" | "gm"
  readonly keyId: string
  readonly attached: Uint8Array
  /** All of it, as it stands before the first piece. */
  readonly bytes: Uint8Array
}

export type OpenedStream = { readonly kind: "opened"; readonly bytes: number } | Truncated | Refused

/** What is there is genuine, and the rest is missing. */
type Truncated = { readonly kind: "truncated" }

const mark = 0xb8
const format = 1
const fixedBytes = 46
/** An attachment is an envelope or two: a length beyond it is damage, and must not fill the memory. */
const attachedBytesMax = 64 * 1024
/** Whatever is attached, the first piece begins no later. */
export const headerBytesMax = fixedBytes + attachedBytesMax
export const pieceBytes = 64 * 1024
/** So many pieces have numbers: 256 TiB. */
const piecesMax = 2 ** 32

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** @param label what the stream is (`backup`, `index <space>`): it opens as nothing else */
export async function* sealStream(
  key: SealKey,
  label: string,
  source: Source,
  attached: Uint8Array = new Uint8Array(),
): AsyncGenerator<Uint8Array, void> {
  const whole = createHeader(key, attached)
  yield whole
  const pieceKey = keyOf(key, whole, label)
  await using reader = createReader(source)
  for (let number = 0; ; number++) {
    const { bytes, last } = await reader.take(pieceBytes)
    yield key.suite.seal(pieceKey, nonceOf(number, last), none, bytes)
    if (last) return
  }
}

/** What lies in memory, in the same format, without waiting for anybody: header and pieces in their order. */
export function* sealPieces(key: SealKey, label: string, plain: Uint8Array): Generator<Uint8Array, void> {
  const header = createHeader(key, none)
  yield header
  const pieceKey = keyOf(key, header, label)
  for (let number = 0, at = 0; at < plain.length || number === 0; number++, at += pieceBytes) {
    const last = at + pieceBytes >= plain.length
    yield key.suite.seal(pieceKey, nonceOf(number, last), none, plain.subarray(at, at + pieceBytes))
  }
}

/** All at once; nothing is handed over before all of it is proven. */
export function openWhole(key: SealKey, label: string, sealed: Uint8Array): Opened | Truncated {
  const header = parseHeader(sealed)
  if (header === undefined) return { kind: "unknown_format" }
  if (header.suite !== key.suite.name || header.keyId !== key.id) return { kind: "wrong_key", keyId: header.keyId }
  const pieceKey = keyOf(key, header.bytes, label)
  // No longer than this: a piece opens to its length without its tag.
  const plain = new Uint8Array(sealed.length - header.bytes.length)
  let opened = 0
  for (let number = 0, at = header.bytes.length; ; number++) {
    const bytes = sealed.subarray(at, at + pieceBytes + tagBytes)
    at += bytes.length
    const last = at >= sealed.length
    const piece = key.suite.open(pieceKey, nonceOf(number, last), none, bytes)
    if (piece === undefined) return refusal(key, pieceKey, number, bytes, last)
    if (piece.length === 0 && number > 0) return { kind: "tampered" }
    plain.set(piece, opened)
    opened += piece.length
    if (last) return { kind: "opened", plain: plain.subarray(0, opened) }
  }
}

/**
 * Hands over each piece once it is proven. What was handed over is worth nothing until the answer is `opened`: write it where
 * nobody reads, and give it its name then.
 */
export async function openStream(
  key: SealKey,
  label: string,
  source: Source,
  sink: (plain: Uint8Array) => Promise<unknown>,
): Promise<OpenedStream> {
  await using reader = createReader(source)
  const header = await takeHeader(reader)
  if (header === undefined) return { kind: "unknown_format" }
  if (header.suite !== key.suite.name || header.keyId !== key.id) return { kind: "wrong_key", keyId: header.keyId }
  const pieceKey = keyOf(key, header.bytes, label)
  let opened = 0
  for (let number = 0; ; number++) {
    const { bytes, last } = await reader.take(pieceBytes + tagBytes)
    const plain = key.suite.open(pieceKey, nonceOf(number, last), none, bytes)
    if (plain === undefined) return refusal(key, pieceKey, number, bytes, last)
    // There is one way to write a stream: only an empty one has an empty end.
    if (plain.length === 0 && number > 0) return { kind: "tampered" }
    await sink(plain)
    opened += plain.length
    if (last) return { kind: "opened", bytes: opened }
  }
}

/**
 * Opens the pieces of a stream by themselves, in any order. Each is proven by itself; that none is missing at the end is proven by
 * the last one, which has to be opened as such.
 * @returns for a piece's number, whether it is the last, and its sealed bytes: the plain ones, or `undefined` for what is not that
 */
export function pieceOpener(key: SealKey, label: string, { bytes: header }: StreamHeader) {
  const pieceKey = keyOf(key, header, label)
  return (number: number, last: boolean, sealed: Uint8Array): Uint8Array | undefined =>
    key.suite.open(pieceKey, nonceOf(number, last), none, sealed)
}

function createHeader(key: SealKey, attached: Uint8Array): Buffer {
  assert(attached.length <= attachedBytesMax, "an attachment is small")
  const header = Buffer.alloc(fixedBytes)
  header[0] = mark
  header[1] = (format << 4) | key.suite.code
  header.write(key.id, 2, "hex")
  crypto.getRandomValues(header.subarray(10, 42))
  header.writeUInt32BE(attached.length, 42)
  return Buffer.concat([header, attached])
}

/** @param source a whole sealed stream, or its beginning */
export async function readStreamHeader(source: Source): Promise<StreamHeader | undefined> {
  await using reader = createReader(source)
  return takeHeader(reader)
}

async function takeHeader(reader: ReturnType<typeof createReader>): Promise<StreamHeader | undefined> {
  const { bytes: fixed } = await reader.take(fixedBytes)
  const length = attachedBytesOf(fixed)
  if (length === undefined) return undefined
  return parseHeader(length === 0 ? fixed : Buffer.concat([fixed, (await reader.take(length)).bytes]))
}

/** How much stands between the fixed part of a header and the first piece; `undefined` where it is no header. */
function attachedBytesOf(fixed: Uint8Array): number | undefined {
  if (fixed.length < fixedBytes || fixed[0] !== mark || fixed[1]! >> 4 !== format) return undefined
  const length = Buffer.from(fixed.buffer, fixed.byteOffset, fixed.length).readUInt32BE(42)
  return length > attachedBytesMax ? undefined : length
}

/** @param begin at least the header */
function parseHeader(begin: Uint8Array): StreamHeader | undefined {
  const length = attachedBytesOf(begin)
  const suite = suiteNameOf(begin[1]! & 15)
  if (length === undefined || suite === undefined || begin.length < fixedBytes + length) return undefined
  const bytes = Buffer.from(begin.subarray(0, fixedBytes + length))
  return { suite, keyId: bytes.toString("hex", 2, 10), attached: bytes.subarray(fixedBytes), bytes }
}

/** A stream that was cut between two pieces ends with one that says it is not the end. */
function refusal(key: SealKey, pieceKey: Uint8Array, number: number, bytes: Uint8Array, last: boolean): Refused | Truncated {
  const cutBefore = last && bytes.length === 0
  const isWhole = last && key.suite.open(pieceKey, nonceOf(number, false), none, bytes) !== undefined
  return { kind: cutBefore || isWhole ? "truncated" : "tampered" }
}

/** The header ends where its length says, so no header and label read like another pair. */
function keyOf({ suite, bytes }: SealKey, header: Uint8Array, label: string): Uint8Array {
  return suite.derive(bytes, Buffer.concat([header, Buffer.from(label)]), "gatehouse stream v1", suite.keyBytes)
}

function nonceOf(number: number, last: boolean): Uint8Array {
  assert(number < piecesMax, "a stream has fewer than 2^32 pieces")
  const nonce = Buffer.alloc(nonceBytes)
  nonce.writeUInt32BE(number, 7)
  nonce[11] = last ? 1 : 0
  return nonce
}

const none = new Uint8Array()
