import type { KeyPair, Suite } from "../vault/suite.ts"
import { type SuiteName, suiteNameOf } from "../vault/suite.ts"
import { createByteReader, createByteWriter } from "./bytes.ts"
import { signatureBytes } from "./proof.ts"

/**
 * What boxes say at the hub of themselves and of the site, beside the gallery: small signed messages, of which the last of each key
 * counts. A key is `<box>.<kind>` and, where a box says several of a kind, `.<about>`; at the hub a box writes under its own name
 * alone.
 *
 *     u8 version · u8 suite · u8 kind · text site · box, 4 bytes · text about · uint48 milliseconds since 1970 · block body
 *     signature, 64 bytes
 *
 * They are in the clear: who carries them reads names, public keys and times.
 */
export interface Announcement {
  readonly kind: AnnouncementKind
  readonly site: string
  /** Who says it, 8 hexadecimal digits. */
  readonly box: string
  /** Hexadecimal digits, empty where a box says one of the kind. */
  readonly about: string
  readonly atMs: number
  readonly body: Uint8Array
}

/**
 * - `join`: a box asks to become a member; signed by the key that it brings
 * - `roster`: who belongs to the site, and its key for each of them; signed by the site's authority. Any box may repeat it
 * - `answer`: why a box that asked was not taken; signed by the authority
 * - `status`: what a member says of itself
 * - `receipts`: whom a member has erased
 * - `leave`: a member will write no more
 */
export type AnnouncementKind = keyof typeof codes

const codes = { join: 1, roster: 2, answer: 3, status: 4, receipts: 5, leave: 6 } as const
const kinds = Object.keys(codes) as readonly AnnouncementKind[]

/** A roster of 2,000 members has 400 KB; a server of NATS takes 1 MiB. */
export const announcementBodyBytesMax = 1_000_000
const formatVersion = 1
const suiteCodes: Readonly<Record<SuiteName, number>> = { aes: 1, gm: 2 }
const siteBytesMax = 63
const aboutBytesMax = 32
const aboutPattern = /^([0-9a-f]{2}){0,16}$/
const signedDomain = new TextEncoder().encode("gatehouse sync announcement v1\0")

/** Where it lies at the hub. */
export function announcementKey({ box, kind, about }: Pick<Announcement, "box" | "kind" | "about">): string {
  const code = codes[kind].toString(16).padStart(2, "0")
  return about === "" ? `${box}.${code}` : `${box}.${code}.${about}`
}

/** Whether something of the kind may lie at a key: under the name of who says it, but for a roster, which others repeat. */
export function isPlaced(announcement: Announcement, key: string): boolean {
  if (announcement.kind !== "roster") return key === announcementKey(announcement)
  return key === announcementKey({ ...announcement, box: key.slice(0, 8) })
}

export function signAnnouncement(suite: Suite, pair: KeyPair, announcement: Announcement): Uint8Array {
  const writer = createByteWriter()
  writer.uint(formatVersion, 1)
  writer.uint(suiteCodes[suite.name], 1)
  writer.uint(codes[announcement.kind], 1)
  writer.text(announcement.site)
  writer.raw(Uint8Array.fromHex(announcement.box))
  writer.text(announcement.about)
  writer.uint(announcement.atMs, 6)
  writer.block(announcement.body)
  const said = writer.done()
  return Buffer.concat([said, suite.signing.sign(pair, Buffer.concat([signedDomain, said]))])
}

/** What is known before anything is proved. */
export interface ParsedAnnouncement {
  readonly kind: "parsed"
  readonly announcement: Announcement
  readonly suite: SuiteName
  /** Whether the holder of this key has said it. */
  isBy(suite: Suite, publicKey: Uint8Array): boolean
}

/** Bytes of a stranger: every way in which they may be wrong is a value. */
export function parseAnnouncement(
  bytes: Uint8Array,
): ParsedAnnouncement | { readonly kind: "malformed"; readonly why: string } {
  const reader = createByteReader(bytes)
  const version = reader.uint(1)
  if (version !== formatVersion)
    return { kind: "malformed", why: `format ${version}; this version of gatehouse reads format ${formatVersion}` }
  const suite = suiteNameOf(reader.uint(1))
  const code = reader.uint(1)
  const kind = kinds.find((name) => codes[name] === code)
  const site = reader.text(siteBytesMax)
  const box = reader.raw(4).toHex()
  const about = reader.text(aboutBytesMax)
  const atMs = reader.uint(6)
  const body = reader.block(announcementBodyBytesMax)
  const said = bytes.subarray(0, reader.position())
  const signature = reader.raw(signatureBytes)
  if (!reader.isSoundToTheEnd() || !aboutPattern.test(about))
    return { kind: "malformed", why: "it is cut off, or longer than it says" }
  if (suite === undefined || kind === undefined) return { kind: "malformed", why: `a kind of ${code} means nothing here` }
  return {
    kind: "parsed",
    announcement: { kind, site, box, about, atMs, body },
    suite,
    isBy: (by, publicKey) => by.signing.verify(publicKey, Buffer.concat([signedDomain, said]), signature),
  }
}
