import { createHash } from "node:crypto"
import type { Result } from "../../base/result.ts"
import { readBase32, writeBase32 } from "../../vault/base32.ts"
import type { Suite } from "../../vault/suite.ts"
import { createByteReader, createByteWriter } from "../bytes.ts"

/**
 * With it one box may join, once. It goes from the person at the first box to the person at the new one, on paper or by voice: 72
 * letters and digits in groups. It tells by the fingerprint which site to trust, so that a hub in wrong hands cannot offer another.
 */
export interface JoinToken {
  /** Of the site's authority. */
  readonly fingerprint: Uint8Array
  /** Which box may join by it. */
  readonly box: string
  /** Milliseconds since 1970, whole seconds; by the clock of the box that answers. */
  readonly expiresAtMs: number
  readonly secret: Uint8Array
}

/** 128 bits: to find another key with the same one is 2^128 tries. */
export const fingerprintBytes = 16
const secretBytes = 16
const checkBytes = 4
const formatVersion = 1
/** Version, fingerprint, box, expiry, secret, check: 45 bytes, which are 72 characters. */
const characters = ((1 + fingerprintBytes + 4 + 4 + secretBytes + checkBytes) * 8) / 5

/** What a person compares, and a token carries. */
export function fingerprintOf(suite: Suite, site: string, authorityKey: Uint8Array): Uint8Array {
  const domain = `gatehouse sync authority v1\0${suite.name}\0${site}\0`
  return suite.hash(Buffer.concat([Buffer.from(domain), authorityKey])).subarray(0, fingerprintBytes)
}

export const newSecret = (): Uint8Array => crypto.getRandomValues(new Uint8Array(secretBytes))

export function writeToken({ fingerprint, box, expiresAtMs, secret }: JoinToken): string {
  const writer = createByteWriter()
  writer.uint(formatVersion, 1)
  writer.raw(fingerprint)
  writer.raw(Uint8Array.fromHex(box))
  writer.uint(Math.floor(expiresAtMs / 1000), 4)
  writer.raw(secret)
  const body = writer.done()
  return (writeBase32(Buffer.concat([body, checkOf(body)])).match(/.{6}/g) ?? []).join("-")
}

/** @param text as somebody pasted or typed it */
export function readToken(text: string): Result<JoinToken> {
  const typed = text.replaceAll(/[\s-]/g, "")
  if (typed.length !== characters) return mistyped(`it has ${typed.length} letters and digits instead of ${characters}`)
  const read = readBase32(typed)
  if (read.kind === "failed") return mistyped(read.why)
  const [body, check] = [read.value.subarray(0, -checkBytes), read.value.subarray(-checkBytes)]
  if (!checkOf(body).equals(check)) return mistyped("a letter or digit is another one")
  const reader = createByteReader(body)
  const version = reader.uint(1)
  if (version !== formatVersion)
    return { kind: "failed", why: `the token is of format ${version}; this version of gatehouse reads format ${formatVersion}` }
  const fingerprint = reader.raw(fingerprintBytes)
  const box = reader.raw(4).toHex()
  const expiresAtMs = reader.uint(4) * 1000
  return { kind: "ok", value: { fingerprint, box, expiresAtMs, secret: reader.raw(secretBytes) } }
}

const mistyped = (how: string) =>
  ({ kind: "failed", why: `the token is not as \`gatehouse sync invite\` printed it: ${how}` }) as const

const checkOf = (body: Uint8Array) => createHash("sha256").update(body).digest().subarray(0, checkBytes)
