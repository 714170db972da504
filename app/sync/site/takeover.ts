import { createHash } from "node:crypto"
import type { Result } from "../../base/result.ts"
import { readBase32, writeBase32 } from "../../vault/base32.ts"
import { openSuite } from "../../vault/suites.ts"
import { readRoster, type Site, withNextRoster } from "./site.ts"

/**
 * The private key of a site's authority as text for paper. With it a member becomes the box that lets others in, after the one that
 * did was lost or while it still runs: that one sees by the next roster that another took over, and stands back.
 *
 * Public key and private key of the suite: 32 or 64 bytes and 32; then four bytes to tell a slip.
 */
const checkBytes = 4
const privateKeyBytes = 32
/** Base32 takes five bytes at a time. */
const unit = 5

export function authorityKeyText(site: Site): Result<string> {
  const { authority } = site.state()
  if (authority === undefined || !site.isHolder()) {
    const { holder } = site.roster()
    const name = site.member(holder)?.name ?? holder
    return {
      kind: "failed",
      why: `this box does not hold the authority of the site ${site.name}: do it at ${name} (${holder})`,
    }
  }
  const { privateKey } = authority.pair
  const padding = new Uint8Array((unit - ((privateKey.length + checkBytes) % unit)) % unit)
  const text = writeBase32(Buffer.concat([privateKey, checkOf(privateKey), padding]))
  return { kind: "ok", value: (text.match(/.{4,6}/g) ?? []).join("-") }
}

/**
 * Makes this box the one that holds the authority.
 * @param text as it was shown; in small or large letters, with or without dashes
 */
export function takeOverAuthority(site: Site, text: string, nowMs: number): Result<void> {
  const read = readKey(text)
  if (read.kind === "failed") return read
  return site.change<Result<void>>((state) => {
    const roster = readRoster(state.roster)
    const { suite } = openSuite(state.suite)
    const isMember = roster?.members.some(({ box, standing }) => box === site.box && standing.kind === "member") === true
    if (roster === undefined || !isMember)
      return { out: { kind: "failed", why: `this box is no member of the site ${site.name} any more` } }
    const pair = { privateKey: read.value, publicKey: roster.authorityKey }
    // The public key is known: whether the private one belongs to it, a signature tells.
    const message = crypto.getRandomValues(new Uint8Array(32))
    if (!suite.signing.verify(roster.authorityKey, message, suite.signing.sign(pair, message)))
      return { out: { kind: "failed", why: `this is the key of another site's authority, not of ${site.name}` } }
    const authority = { pair, invitations: state.authority?.invitations ?? [] }
    const next = { ...roster, number: roster.number + 1, atMs: nowMs, holder: site.box }
    return { next: withNextRoster({ ...state, authority }, next), out: { kind: "ok", value: undefined } }
  })
}

function readKey(text: string): Result<Uint8Array> {
  const read = readBase32(text.replaceAll(/[\s-]/g, ""))
  const why = "this is not the key that `gatehouse sync authority show` printed: look at it again"
  if (read.kind === "failed") return { kind: "failed", why: `${why} (${read.why})` }
  const privateKey = read.value.subarray(0, privateKeyBytes)
  const check = read.value.subarray(privateKeyBytes, privateKeyBytes + checkBytes)
  return checkOf(privateKey).equals(check) ? { kind: "ok", value: privateKey } : { kind: "failed", why }
}

const checkOf = (key: Uint8Array) =>
  createHash("sha256").update("gatehouse sync authority key v1\0").update(key).digest().subarray(0, checkBytes)
