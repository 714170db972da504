import { assert } from "../base/assert.ts"
import { BrokenSeal } from "./broken.ts"
import type { JsonObject } from "./canonical.ts"
import { lookupDigest } from "./digest.ts"
import { type Exposure, exposureOf } from "./exposure.ts"
import type { Keys, MasterKeys } from "./keys.ts"
import type { MasterSource } from "./master.ts"
import { open as openSealed, type Place, type SealKey, seal, wordsForRefused } from "./seal.ts"
import { publicKeyText, type Receipt, signReceipt } from "./signer.ts"
import type { KeyPair, Suite } from "./suite.ts"

/**
 * What seals the rows of a data folder, and opens them. In a folder without a master key it is there as well and leaves every value
 * as it is, so that whoever reads and writes rows knows one way only.
 *
 * The owner of a value is whom it is about: `subject/<id>`, `sightings/2026-03`, `site/…` for what is nobody's. Whoever drops the
 * owner's key has shredded the value in every copy.
 */
export interface Vault {
  readonly isSealed: boolean
  /** Of a folder that is not sealed: the one it signs with. */
  readonly suite: Suite
  readonly exposure: Exposure
  /** A key for a new owner, in the transaction that makes the owner. Nobody who was erased may get another one. */
  createKey(owner: string): void
  /** For owners that are no person: made when it is first needed, in the transaction that needs it. */
  ensureKey(owner: string): void
  /** Shreds all that the owner's key sealed, once the transaction is committed. */
  shredKey(owner: string): void
  /** The owner's key has to be there. A new value each time: nonces are random. Throws `BrokenSeal` when there is no key. */
  seal(owner: string, place: Place, plain: Uint8Array): Uint8Array
  /** Throws `BrokenSeal` when the value is not what was sealed here. */
  open(owner: string, place: Place, stored: Uint8Array): Uint8Array
  /** As `open`, for who can do without this one row. */
  tryOpen(owner: string, place: Place, stored: Uint8Array): TriedOpen
  /**
   * Finds a sealed value by all of it: the same value has the same digest in one column, and another one in another column. In the
   * clear it is the value itself.
   */
  digest(column: string, value: string | Uint8Array): Uint8Array
  /** The key of an owner, for streams (stream.ts) and for whoever seals in another thread. `undefined` when nothing is sealed. */
  keyOf(owner: string): SealKey | undefined
  /** Random bytes of the box by their name, sealed like the rest; `make` gives them the first time. Not in a transaction. */
  secret(name: string, make: () => Uint8Array): Uint8Array
  readonly signer: Signer
  /** Of a sealed folder: what wraps its keys. For rotation, recovery and backups. */
  readonly sealed?: { readonly keys: Keys; masters(): MasterKeys }
}

export type TriedOpen =
  | { readonly kind: "opened"; readonly plain: Uint8Array }
  | { readonly kind: "broken"; readonly why: string }

export interface Signer {
  /** SubjectPublicKeyInfo in DER, base64. */
  publicKey(): string
  sign<Body extends JsonObject>(body: Body): Receipt<Body>
}

/** Where the box's own secrets lie. */
export interface SecretTable {
  secret(name: string): Uint8Array | undefined
  /** What is there stays. */
  addSecret(name: string, secret: Uint8Array): void
  replaceSecret(name: string, secret: Uint8Array): void
  secretNames(): readonly string[]
}

export const placeOfSecret = (name: string): Place => ({ table: "site_secrets", column: "secret", row: name })

/** Names of owners that are no person. */
export const siteOwners = { secrets: "site/secrets", digests: "site/digests" } as const

/** Leaves everything as it is. */
export function plainVault(suite: Suite, secrets: SecretTable): Vault {
  const { secret, signer } = withSecrets(
    suite,
    secrets,
    (_name, bytes) => bytes,
    (_name, bytes) => bytes,
  )
  return {
    isSealed: false,
    suite,
    exposure: exposureOf(undefined),
    createKey: () => undefined,
    ensureKey: () => undefined,
    shredKey: () => undefined,
    seal: (_owner, _place, plain) => plain,
    open: (_owner, _place, stored) => stored,
    tryOpen: (_owner, _place, stored) => ({ kind: "opened", plain: stored }),
    digest: (_column, value) => (typeof value === "string" ? Buffer.from(value) : value),
    keyOf: () => undefined,
    secret,
    signer,
  }
}

export interface SealedNeeds {
  readonly suite: Suite
  readonly keys: Keys
  readonly secrets: SecretTable
  readonly source: MasterSource
  /** Whether another process has rotated the master key, and the new one was found: what failed is worth trying again. */
  readonly refreshed: () => boolean
}

export function sealedVault({ suite, keys, secrets, source, refreshed }: SealedNeeds): Vault {
  let digestKey: SealKey | undefined

  function create(owner: string, again = true): SealKey {
    const created = keys.create(owner)
    if (created.kind === "created") return created.key
    if (again && refreshed()) return create(owner, false)
    throw new BrokenSeal("another process has rotated the master key: start this one again")
  }

  /** Why there is no key, in words, or the key. */
  function find(owner: string, again = true): SealKey | string {
    const found = keys.of(owner)
    if (found.kind === "found") return found.key
    if (found.kind === "no_key") return `there is no key of ${owner}: it was shredded, or taken from the disk`
    if (found.kind === "wrong_key" && again && refreshed()) return find(owner, false)
    return wordsForRefused(found, { table: "data_keys", column: "wrapped", row: owner })
  }

  function ensure(owner: string): SealKey {
    const found = find(owner)
    if (typeof found !== "string") return found
    if (keys.of(owner).kind === "no_key") return create(owner)
    throw new BrokenSeal(found)
  }

  function tryOpen(owner: string, place: Place, stored: Uint8Array): TriedOpen {
    const key = find(owner)
    if (typeof key === "string") return { kind: "broken", why: `${place.table}.${place.column} of row ${place.row}: ${key}` }
    const opened = openSealed(key, place, stored)
    return opened.kind === "opened" ? opened : { kind: "broken", why: wordsForRefused(opened, place) }
  }

  function open(owner: string, place: Place, stored: Uint8Array): Uint8Array {
    const opened = tryOpen(owner, place, stored)
    if (opened.kind === "broken") throw new BrokenSeal(opened.why)
    return opened.plain
  }

  const { secret, signer } = withSecrets(
    suite,
    secrets,
    (name, bytes) => seal(ensure(siteOwners.secrets), placeOfSecret(name), bytes),
    (name, stored) => open(siteOwners.secrets, placeOfSecret(name), stored),
  )

  return {
    isSealed: true,
    suite,
    exposure: exposureOf(source),
    createKey: (owner) => void create(owner),
    ensureKey: (owner) => void ensure(owner),
    shredKey: (owner) => void keys.shred(owner),
    seal(owner, place, plain) {
      const key = find(owner)
      if (typeof key === "string") throw new BrokenSeal(`${place.table}.${place.column} cannot be sealed: ${key}`)
      return seal(key, place, plain)
    },
    open,
    tryOpen,
    digest(column, value) {
      digestKey ??= ensure(siteOwners.digests)
      return lookupDigest(digestKey, column, value)
    },
    keyOf: (owner) => ensure(owner),
    secret,
    signer,
    sealed: { keys, masters: keys.masters },
  }
}

/** Secrets, and what the box signs with, which is one of them. */
function withSecrets(
  suite: Suite,
  table: SecretTable,
  toStored: (name: string, bytes: Uint8Array) => Uint8Array,
  fromStored: (name: string, stored: Uint8Array) => Uint8Array,
) {
  function secret(name: string, make: () => Uint8Array): Uint8Array {
    const present = table.secret(name)
    if (present !== undefined) return fromStored(name, present)
    table.addSecret(name, toStored(name, make()))
    // Another process may have been first.
    const stored = table.secret(name)
    assert(stored !== undefined, "a secret that was just written is there")
    return fromStored(name, stored)
  }

  let made: KeyPair | undefined
  function pair(): KeyPair {
    if (made !== undefined) return made
    const bytes = secret(`signing ${suite.name}`, () => {
      const { privateKey, publicKey } = suite.signing.createKeyPair()
      return Buffer.concat([privateKey, publicKey])
    })
    made = { privateKey: bytes.subarray(0, privateKeyBytes), publicKey: bytes.subarray(privateKeyBytes) }
    return made
  }

  const signer: Signer = {
    publicKey: () => publicKeyText(suite, pair().publicKey),
    sign: (body) => signReceipt(suite, pair(), body),
  }
  return { secret, signer }
}

/** In every suite. */
const privateKeyBytes = 32
