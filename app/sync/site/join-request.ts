import { timingSafeEqual } from "node:crypto"
import type { Suite } from "../../vault/suite.ts"
import { createByteReader, createByteWriter } from "../bytes.ts"
import type { JoinToken } from "./token.ts"

/** What a box brings that wants to join, and that it knows the token's secret. */
export interface JoinRequest {
  readonly signingKey: Uint8Array
  readonly envelopeKey: Uint8Array
  readonly mac: Uint8Array
}

const keyBytesMax = 64
const macBytes = 32

export function encodeJoinRequest({ signingKey, envelopeKey, mac }: JoinRequest): Uint8Array {
  const writer = createByteWriter()
  writer.block(signingKey)
  writer.block(envelopeKey)
  writer.raw(mac)
  return writer.done()
}

/** `undefined` for what is none. */
export function parseJoinRequest(body: Uint8Array): JoinRequest | undefined {
  const reader = createByteReader(body)
  const request = { signingKey: reader.block(keyBytesMax), envelopeKey: reader.block(keyBytesMax), mac: reader.raw(macBytes) }
  return reader.isSoundToTheEnd() ? request : undefined
}

/** Over all that the answer depends on: the site, the box and its keys. */
export function requestMac(
  suite: Suite,
  site: string,
  { box, secret }: Pick<JoinToken, "box" | "secret">,
  { signingKey, envelopeKey }: Omit<JoinRequest, "mac">,
): Uint8Array {
  const key = suite.derive(secret, new Uint8Array(), "gatehouse sync join v1", 32)
  const writer = createByteWriter()
  writer.text(site)
  writer.text(box)
  writer.block(signingKey)
  writer.block(envelopeKey)
  return suite.mac(key, writer.done())
}

export const isSameMac = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

const hashBytes = 16

/** Why a box was not taken, of this one request: an answer to an earlier one is nobody's business any more. */
export function encodeAnswer(suite: Suite, request: Uint8Array, why: string): Uint8Array {
  const writer = createByteWriter()
  writer.raw(suite.hash(request).subarray(0, hashBytes))
  writer.text(why)
  return writer.done()
}

const whyBytesMax = 1024

/** The words, if it is an answer to this request. */
export function readAnswer(suite: Suite, request: Uint8Array, body: Uint8Array): string | undefined {
  const reader = createByteReader(body)
  const to = reader.raw(hashBytes)
  const why = reader.text(whyBytesMax)
  return reader.isSoundToTheEnd() && Buffer.compare(to, suite.hash(request).subarray(0, hashBytes)) === 0 ? why : undefined
}
