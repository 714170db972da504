import { assert } from "../base/assert.ts"
import type { KeyPair, Suite } from "../vault/suite.ts"
import type { Version } from "./merge.ts"
import { batchRecordsMax, type Proof, provedBy, signAll } from "./proof.ts"
import { contentBytesMax, encodeHeader, encodeProof, type ParsedRecord, parseRecord, type SyncRecord } from "./record.ts"

/** What a box needs to know of its site in order to read records. */
export interface SiteKeys {
  readonly suite: Suite
  /** The site's key of an epoch; `undefined` when this box has not got it (any more). */
  siteKey(epoch: number): Uint8Array | undefined
  /** Of a member of the site, by the first half of an origin; also of one that has left, for what it wrote before. */
  publicKeyOf(box: string): Uint8Array | undefined
  /** Why nothing counts any more that was signed by this box, in words; absent or `undefined` when it does. */
  whyNotBelieved?(box: string): string | undefined
}

/** … and in order to write them. */
export interface WritingKeys extends SiteKeys {
  readonly pair: KeyPair
  /** Which key new records are sealed with. */
  readonly epoch: number
  /** 12 bytes that were never used before. */
  nonce(): Uint8Array
}

/** What is to become a record; the content is empty but for a `put`. */
export interface Draft {
  readonly version: Version
  readonly content: Uint8Array
}

/** Why a record is not believed. Each is counted, and none is passed on. */
export type Refusal =
  /** It is no record, or of a version of gatehouse that is newer than this one. */
  | { readonly kind: "malformed"; readonly why: string }
  | { readonly kind: "other_suite"; readonly why: string }
  | { readonly kind: "unknown_box"; readonly why: string }
  /** Signed by a member that was revoked, whenever that was: see site/roster.ts. */
  | { readonly kind: "revoked_box"; readonly why: string }
  | { readonly kind: "bad_signature"; readonly why: string }
  /** Genuine, but written after this box lost its membership, or before it got the key. */
  | { readonly kind: "no_key"; readonly why: string }
  | { readonly kind: "bad_seal"; readonly why: string }

export type Opened = { readonly kind: "opened"; readonly record: SyncRecord; readonly content: Uint8Array } | Refusal

/** Seals and signs; several that are given together share signatures. */
export function sealRecords(keys: WritingKeys, drafts: readonly Draft[]): readonly SyncRecord[] {
  const { suite, epoch } = keys
  const key = keys.siteKey(epoch)
  assert(key !== undefined, "a box that writes records has the key of the present epoch")
  const sealed = drafts.map(({ version, content }) => {
    assert(content.length <= contentBytesMax, `the content of a record has at most ${contentBytesMax} bytes`)
    const header = encodeHeader(version, suite.name, epoch, content.length)
    const nonce = keys.nonce()
    return { version, signed: Buffer.concat([header, nonce, suite.seal(key, nonce, header, content)]) }
  })
  const records: SyncRecord[] = []
  for (let from = 0; from < sealed.length; from += batchRecordsMax) {
    const batch = sealed.slice(from, from + batchRecordsMax)
    const proofs = signAll(
      suite,
      keys.pair,
      batch.map(({ signed }) => signed),
    )
    for (const [i, { version, signed }] of batch.entries()) {
      const proof = proofs[i]
      assert(proof !== undefined, "each record of a batch has its proof")
      records.push({ ...version, bytes: Buffer.concat([signed, encodeProof(proof)]) })
    }
  }
  return records
}

/** So many signatures are remembered: the records of a batch come one after the other, and of few boxes at a time. */
const signaturesKept = 64

/** Opens records, and checks a signature that several share once. */
export function createOpener(keys: SiteKeys) {
  /** Box, what was signed, signature: as text, so that it can be looked up. */
  const genuine = new Set<string>()

  function isGenuine(box: string, publicKey: Uint8Array, signed: Uint8Array, proof: Proof): boolean {
    const message = provedBy(keys.suite, signed, proof)
    if (proof.steps.length === 0) return keys.suite.signing.verify(publicKey, message, proof.signature)
    const known = `${box}${message.toHex()}${proof.signature.toHex()}${publicKey.toHex()}`
    if (genuine.has(known)) return true
    if (!keys.suite.signing.verify(publicKey, message, proof.signature)) return false
    genuine.add(known)
    const [oldest] = genuine
    if (genuine.size > signaturesKept && oldest !== undefined) genuine.delete(oldest)
    return true
  }

  return {
    /** Every way in which foreign bytes may be wrong is a value. */
    open(bytes: Uint8Array): Opened {
      const parsed = parseRecord(bytes)
      return parsed.kind === "malformed" ? parsed : openParsed(keys, parsed.record, isGenuine, bytes)
    },
  }
}

/**
 * The content of a record that was believed when it came, and is kept here: its signature is not checked a second time, and who wrote
 * it may have left the site since. `undefined` without the key of its epoch.
 */
export function openKept({ suite, siteKey }: Pick<SiteKeys, "suite" | "siteKey">, bytes: Uint8Array): Uint8Array | undefined {
  const parsed = parseRecord(bytes)
  if (parsed.kind === "malformed") return undefined
  const { epoch, header, nonce, sealed } = parsed.record
  const key = siteKey(epoch)
  return key && suite.open(key, nonce, header, sealed)
}

function openParsed(
  { suite, siteKey, publicKeyOf, whyNotBelieved }: SiteKeys,
  { version, suite: sealedBy, epoch, header, nonce, sealed, signed, proof }: ParsedRecord,
  isGenuine: (box: string, publicKey: Uint8Array, signed: Uint8Array, proof: Proof) => boolean,
  bytes: Uint8Array,
): Opened {
  if (sealedBy !== suite.name)
    return { kind: "other_suite", why: `sealed by the suite ${sealedBy}; this site uses ${suite.name}` }
  const box = version.origin.slice(0, version.origin.indexOf("."))
  const publicKey = publicKeyOf(box)
  if (publicKey === undefined) return { kind: "unknown_box", why: `written by the box ${box}, which is no member of the site` }
  const whyNot = whyNotBelieved?.(box)
  if (whyNot !== undefined) return { kind: "revoked_box", why: whyNot }
  if (!isGenuine(box, publicKey, signed, proof))
    return { kind: "bad_signature", why: `not signed by the box ${box}, which it names as its writer` }
  const key = siteKey(epoch)
  if (key === undefined) return { kind: "no_key", why: `sealed by the site key of epoch ${epoch}, which this box has not got` }
  const content = suite.open(key, nonce, header, sealed)
  if (content === undefined)
    return { kind: "bad_seal", why: `signed by the box ${box}, but not sealed by the site key of epoch ${epoch}` }
  return { kind: "opened", record: { ...version, bytes }, content }
}
