import type { Result } from "../../base/result.ts"
import { type KeyPair, nonceBytes, type Suite } from "../../vault/suite.ts"
import { type ByteReader, createByteReader, createByteWriter } from "../bytes.ts"

/**
 * Who belongs to a site, and its keys: one document, signed by the site's authority, that replaces the one before. So a box that was
 * away for weeks needs the last one alone, and no box ever sees half of a change.
 *
 * The key of the present epoch lies in it for each member, in an envelope for that member's public key. The key of each epoch before
 * is sealed under the one after it: who has the present one has all, and who has an old one gets no further.
 */
export interface Roster {
  /** Rises with each change; of two the greater counts. */
  readonly number: number
  readonly atMs: number
  /** The site's authority, which signs this. */
  readonly authorityKey: Uint8Array
  /** The box that holds the authority's private key and answers those who want to join. */
  readonly holder: string
  readonly epoch: number
  /** Of epochs 2 to the present one: the key of the epoch before, sealed. */
  readonly history: readonly Uint8Array[]
  readonly members: readonly Member[]
}

export interface Member {
  /** 8 hexadecimal digits. */
  readonly box: string
  /** For people. */
  readonly name: string
  readonly signingKey: Uint8Array
  readonly envelopeKey: Uint8Array
  readonly joinedAtMs: number
  readonly standing: Standing
}

export type Standing =
  | { readonly kind: "member"; readonly wrappedKey: Uint8Array }
  /** By its own will: what it wrote before counts. */
  | { readonly kind: "left"; readonly atMs: number }
  /**
   * What it wrote counts no more: its key may be in anybody's hand, and with it anything can be written as if long ago. The holder
   * writes again, as its own, what it had of it; `settled` when all of that is at the hub.
   */
  | { readonly kind: "revoked"; readonly atMs: number; readonly settled: boolean }

/** So that a roster stays below what a server of NATS takes, in each suite. */
export const membersMax = 2000
export const epochsMax = 2000
export const nameBytesMax = 63
const publicKeyBytesMax = 64
const wrappedBytesMax = 256

const standings = ["member", "left", "revoked"] as const

export function encodeRoster(roster: Roster): Uint8Array {
  const writer = createByteWriter()
  writer.varint(roster.number)
  writer.block(roster.authorityKey)
  writer.raw(Uint8Array.fromHex(roster.holder))
  writer.varint(roster.history.length)
  for (const sealed of roster.history) writer.block(sealed)
  writer.varint(roster.members.length)
  for (const { box, name, signingKey, envelopeKey, joinedAtMs, standing } of roster.members) {
    writer.raw(Uint8Array.fromHex(box))
    writer.text(name)
    writer.block(signingKey)
    writer.block(envelopeKey)
    writer.uint(joinedAtMs, 6)
    writer.uint(standings.indexOf(standing.kind), 1)
    if (standing.kind === "member") writer.block(standing.wrappedKey)
    else writer.uint(standing.atMs, 6)
    if (standing.kind === "revoked") writer.uint(standing.settled ? 1 : 0, 1)
  }
  return writer.done()
}

/** `undefined` for what is none. */
export function parseRoster(body: Uint8Array, atMs: number): Roster | undefined {
  const reader = createByteReader(body)
  const number = reader.varint()
  const authorityKey = reader.block(publicKeyBytesMax)
  const holder = reader.raw(4).toHex()
  const history: Uint8Array[] = []
  for (let left = reader.bounded(epochsMax); left > 0 && reader.isSound(); left--) history.push(reader.block(wrappedBytesMax))
  const members: Member[] = []
  for (let left = reader.bounded(membersMax); left > 0 && reader.isSound(); left--) members.push(readMember(reader))
  if (!reader.isSoundToTheEnd() || new Set(members.map(({ box }) => box)).size !== members.length) return undefined
  return { number, atMs, authorityKey, holder, epoch: history.length + 1, history, members }
}

function readMember(reader: ByteReader): Member {
  const box = reader.raw(4).toHex()
  const name = reader.text(nameBytesMax)
  const [signingKey, envelopeKey] = [reader.block(publicKeyBytesMax), reader.block(publicKeyBytesMax)]
  const joinedAtMs = reader.uint(6)
  return { box, name, signingKey, envelopeKey, joinedAtMs, standing: readStanding(reader) }
}

function readStanding(reader: ByteReader): Standing {
  const kind = standings[reader.uint(1)]
  if (kind === "member") return { kind, wrappedKey: reader.block(wrappedBytesMax) }
  if (kind === undefined) reader.refuse()
  const atMs = reader.uint(6)
  return kind === "revoked" ? { kind, atMs, settled: reader.uint(1) === 1 } : { kind: "left", atMs }
}

/** What a box brings to become a member. */
export type Newcomer = Pick<Member, "box" | "name" | "signingKey" | "envelopeKey">

/** The first one, of a site with one box. */
export function firstRoster(
  suite: Suite,
  site: string,
  authorityKey: Uint8Array,
  key: Uint8Array,
  first: Newcomer,
  nowMs: number,
): Roster {
  const empty = { number: 0, atMs: nowMs, authorityKey, holder: first.box, epoch: 1, history: [], members: [] }
  return withMember(suite, site, empty, key, first, nowMs)
}

/** @param key of the roster's epoch */
export function withMember(
  suite: Suite,
  site: string,
  roster: Roster,
  key: Uint8Array,
  newcomer: Newcomer,
  nowMs: number,
): Roster {
  const standing = { kind: "member", wrappedKey: wrapFor(suite, site, roster.epoch, key, newcomer) } as const
  const members = [...roster.members, { ...newcomer, joinedAtMs: nowMs, standing }]
  return { ...roster, number: roster.number + 1, atMs: nowMs, members }
}

/** Without a box, under a new key that it does not get. */
export function withoutMember(
  suite: Suite,
  site: string,
  roster: Roster,
  { present, next }: { readonly present: Uint8Array; readonly next: Uint8Array },
  box: string,
  how: "left" | "revoked",
  nowMs: number,
): Roster {
  const epoch = roster.epoch + 1
  const members = roster.members.map((member): Member => {
    if (member.box === box)
      return { ...member, standing: how === "left" ? { kind: how, atMs: nowMs } : { kind: how, atMs: nowMs, settled: false } }
    if (member.standing.kind !== "member") return member
    return { ...member, standing: { kind: "member", wrappedKey: wrapFor(suite, site, epoch, next, member) } }
  })
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
  const sealed = Buffer.concat([nonce, suite.seal(next, nonce, stepAad(site, epoch), present)])
  return { ...roster, number: roster.number + 1, atMs: nowMs, epoch, history: [...roster.history, sealed], members }
}

/** As it was, with something else said of one box. */
export function withStanding(roster: Roster, box: string, standing: Standing, nowMs: number): Roster {
  const members = roster.members.map((member) => (member.box === box ? { ...member, standing } : member))
  return { ...roster, number: roster.number + 1, atMs: nowMs, members }
}

/** The site's keys by their epoch, for a member of it. */
export function siteKeysFrom(
  suite: Suite,
  site: string,
  roster: Roster,
  box: string,
  pair: KeyPair,
): Result<ReadonlyMap<number, Uint8Array>> {
  const standing = roster.members.find((member) => member.box === box)?.standing
  if (standing?.kind !== "member") return { kind: "failed", why: `the box ${box} is no member of the site ${site} any more` }
  const opened = suite.envelope.openWith(pair, standing.wrappedKey)
  let key = opened && unwrapped(opened, site, roster.epoch, box, suite.keyBytes)
  if (key === undefined) return { kind: "failed", why: `the site's key of epoch ${roster.epoch} was not wrapped for this box` }
  const keys = new Map([[roster.epoch, key]])
  for (let epoch = roster.epoch; epoch > 1; epoch--) {
    const sealed = roster.history[epoch - 2] ?? none
    const before = suite.open(key, sealed.subarray(0, nonceBytes), stepAad(site, epoch), sealed.subarray(nonceBytes))
    if (before?.length !== suite.keyBytes)
      return { kind: "failed", why: `the site's key of epoch ${epoch - 1} does not open with the one of epoch ${epoch}` }
    key = before
    keys.set(epoch - 1, key)
  }
  return { kind: "ok", value: keys }
}

const none = new Uint8Array()
const wrapDomain = "gatehouse sync site key v1"

function wrapFor(
  suite: Suite,
  site: string,
  epoch: number,
  key: Uint8Array,
  { box, envelopeKey }: Pick<Member, "box" | "envelopeKey">,
): Uint8Array {
  return suite.envelope.sealTo(envelopeKey, Buffer.concat([wrapHead(site, epoch, box), key]))
}

function unwrapped(opened: Uint8Array, site: string, epoch: number, box: string, keyBytes: number): Uint8Array | undefined {
  const head = wrapHead(site, epoch, box)
  const isMeant = opened.length === head.length + keyBytes && Buffer.compare(opened.subarray(0, head.length), head) === 0
  return isMeant ? opened.subarray(head.length) : undefined
}

/** Whom and what the key is for: an envelope says so itself wherever it lies. */
function wrapHead(site: string, epoch: number, box: string): Uint8Array {
  const writer = createByteWriter()
  writer.text(wrapDomain)
  writer.text(site)
  writer.varint(epoch)
  writer.text(box)
  return writer.done()
}

const stepAad = (site: string, epoch: number) => new TextEncoder().encode(`gatehouse sync epoch v1\0${site}\0${epoch}`)
