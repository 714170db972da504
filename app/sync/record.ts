import { nonceBytes, type SuiteName, suiteNameOf, tagBytes } from "../vault/suite.ts"
import { type ByteReader, createByteReader, createByteWriter } from "./bytes.ts"
import { type Entity, entityDepthMax } from "./entity.ts"
import type { Kind, Origin, Version } from "./merge.ts"
import { nodeBytes, type Proof, proofDepthMax, signatureBytes } from "./proof.ts"
import { stampAcceptedMax, stampMax } from "./stamp.ts"

/**
 * A record as it lies at the hub, on a stick and in the outbox:
 *
 *     u8 version · u8 suite ‖ depth ‖ kind · varint epoch · ids, 16 bytes each · u56 stamp · origin, 10 bytes · varint sequence ·
 *     varint length of the ciphertext                                                        (the header: in the clear, sealed as AAD)
 *     nonce, 12 bytes · ciphertext · tag, 16 bytes
 *     u8 depth of the proof · if any: u8 index, 16 bytes for each step · signature, 64 bytes
 *
 * Who carries it learns which person's entity was written when and by which box, and the length of what was said.
 */

/** A version with the bytes that prove it. They go from box to box as they are. */
export interface SyncRecord extends Version {
  readonly bytes: Uint8Array
}

/** What is known of a record before anything is checked. */
export interface ParsedRecord {
  readonly version: Version
  readonly suite: SuiteName
  /** Of the site's key. */
  readonly epoch: number
  readonly header: Uint8Array
  readonly nonce: Uint8Array
  /** With its tag. */
  readonly sealed: Uint8Array
  /** All of the above, which the signature is about. */
  readonly signed: Uint8Array
  readonly proof: Proof
}

/** So long may the content be: a chip of 256 px has 15 KB. */
export const contentBytesMax = 256 * 1024
export const recordBytesMax = contentBytesMax + 1024
export const epochMax = 2 ** 32

const formatVersion = 1
const kinds: readonly Kind[] = ["put", "del", "erase"]
const suiteCodes: Readonly<Record<SuiteName, number>> = { aes: 1, gm: 2 }

export function encodeHeader(version: Version, suite: SuiteName, epoch: number, contentBytes: number): Uint8Array {
  const writer = createByteWriter()
  const ids = version.entity.split(".")
  writer.uint(formatVersion, 1)
  writer.uint((suiteCodes[suite] << 4) | ((ids.length - 1) << 2) | kinds.indexOf(version.kind), 1)
  writer.varint(epoch)
  for (const id of ids) writer.raw(Uint8Array.fromHex(id))
  writer.uint(version.stamp, 7)
  writer.raw(Uint8Array.fromHex(version.origin.replace(".", "")))
  writer.varint(version.sequence)
  writer.varint(contentBytes)
  return writer.done()
}

export function encodeProof({ index, steps, signature }: Proof): Uint8Array {
  const writer = createByteWriter()
  writer.uint(steps.length, 1)
  if (steps.length > 0) writer.uint(index, 1)
  for (const step of steps) writer.raw(step)
  writer.raw(signature)
  return writer.done()
}

export type Parsed =
  | { readonly kind: "parsed"; readonly record: ParsedRecord }
  | { readonly kind: "malformed"; readonly why: string }

/** Reads bytes of a stranger. Nothing is proved by it: see sealing.ts. */
export function parseRecord(bytes: Uint8Array): Parsed {
  if (bytes.length > recordBytesMax) return malformed(`${bytes.length} bytes; a record has at most ${recordBytesMax}`)
  const reader = createByteReader(bytes)
  const version = reader.uint(1)
  if (version !== formatVersion) return malformed(`format ${version}; this version of gatehouse reads format ${formatVersion}`)
  const flags = reader.uint(1)
  const [suite, kind, depth] = [suiteNameOf(flags >> 4), kinds[flags & 3], ((flags >> 2) & 3) + 1]
  if (suite === undefined || kind === undefined || depth > entityDepthMax) return malformed(`flags of ${flags} mean nothing`)
  const epoch = reader.bounded(epochMax)
  const entity = Array.from({ length: depth }, () => reader.raw(16).toHex()).join(".") as Entity
  const stamp = reader.uint(7)
  const origin = `${reader.raw(4).toHex()}.${reader.raw(6).toHex()}` as Origin
  const sequence = reader.varint()
  const contentBytes = reader.bounded(contentBytesMax)
  const header = bytes.subarray(0, reader.position())
  const nonce = reader.raw(nonceBytes)
  const sealed = reader.raw(contentBytes + tagBytes)
  const signed = bytes.subarray(0, reader.position())
  const proof = readProof(reader)
  if (!reader.isSoundToTheEnd()) return malformed("it is cut off, or longer than it says")
  if (stamp > stampAcceptedMax) return malformed(`a stamp of ${stamp}; no clock says more than ${stampMax}`)
  if (sequence === 0) return malformed("its sequence is 0; an origin counts from 1")
  if (kind !== "put" && contentBytes > 0) return malformed(`a ${kind} with ${contentBytes} bytes of content; it has none`)
  return {
    kind: "parsed",
    record: { version: { kind, entity, stamp, origin, sequence }, suite, epoch, header, nonce, sealed, signed, proof },
  }
}

function readProof(reader: ByteReader): Proof {
  const depth = reader.uint(1)
  if (depth > proofDepthMax) reader.refuse()
  const index = depth === 0 ? 0 : reader.uint(1)
  if (index >= 2 ** depth) reader.refuse()
  const steps = reader.isSound() ? Array.from({ length: depth }, () => reader.raw(nodeBytes)) : []
  return { index, steps, signature: reader.raw(signatureBytes) }
}

const malformed = (why: string): Parsed => ({ kind: "malformed", why })
