/**
 * What sealing is made of, behind one interface: whoever seals, signs or wraps names no algorithm. A data folder belongs to one
 * suite from the day it is made. Keys, nonces and signatures are raw bytes; nothing here keeps state.
 */
export interface Suite {
  readonly name: SuiteName
  /** Four bits that stand in every header; never given to another suite. */
  readonly code: number
  /** The libraries at work, for `doctor`: `node:crypto`, `sm-crypto-v2`, `libcrypto 3.5.0`. */
  readonly by: string
  /** Of a key for `seal` and `open`. */
  readonly keyBytes: number
  /** Ciphertext as long as `plain`, followed by the tag. A nonce is used once under a key: see seal.ts and stream.ts. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array
  /** `undefined` when key, nonce, aad, ciphertext and tag do not belong together. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
  /** 32 bytes. */
  hash(data: Uint8Array): Uint8Array
  /** HMAC of the suite's hash, 32 bytes. */
  mac(key: Uint8Array, data: Uint8Array): Uint8Array
  /** HKDF (RFC 5869) of the suite's hash. `secret` is random already: no passwords. */
  derive(secret: Uint8Array, salt: Uint8Array, info: string, bytes: number): Uint8Array
  readonly signing: Signing
  readonly envelope: Envelope
}

export type SuiteName = "aes" | "gm"

/** Private keys are 32 bytes. */
export interface KeyPair {
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
}

export interface Signing {
  /** As it stands in receipts. */
  readonly algorithm: "Ed25519" | "SM2-SM3"
  /** What stands before a public key in DER (SubjectPublicKeyInfo). */
  readonly derPrefix: Uint8Array
  createKeyPair(): KeyPair
  /** 64 bytes. */
  sign(pair: KeyPair, message: Uint8Array): Uint8Array
  /** False for anything that is no signature of this message by this key, and for bytes that are no key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** Sealing for the holder of a private key, who is not there. */
export interface Envelope {
  /** The same pair for the same seed of at least 16 random bytes. */
  keyPairFrom(seed: Uint8Array): KeyPair
  /** @throws when `publicKey` is none: it is ours or was authenticated before. */
  sealTo(publicKey: Uint8Array, plain: Uint8Array): Uint8Array
  /** `undefined` when it was sealed for another key, or is not as it was written. */
  openWith(pair: KeyPair, sealed: Uint8Array): Uint8Array | undefined
}

export const nonceBytes = 12
export const tagBytes = 16

/** Which suite a header's four bits stand for. */
export function suiteNameOf(code: number): SuiteName | undefined {
  return code === 1 ? "aes" : code === 2 ? "gm" : undefined
}
