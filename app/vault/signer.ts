import { canonicalJson, isSignable, type JsonObject } from "./canonical.ts"
import type { KeyPair, Suite } from "./suite.ts"

/**
 * A statement of a box that anybody can check without one. The signature is over the canonical JSON (RFC 8785) of everything else
 * in it, so ten lines do (tests/vault/signer.test.ts holds them):
 *
 *     import { createPublicKey, verify } from "node:crypto"
 *     const { signature, ...signed } = JSON.parse(text)
 *     const canonical = (value) => {
 *       if (Array.isArray(value)) return `[${value.map(canonical)}]`
 *       if (value === null || typeof value !== "object") return JSON.stringify(value)
 *       return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`
 *     }
 *     const base64 = (text) => Buffer.from(text, "base64")
 *     const key = createPublicKey({ key: base64(signed.publicKey), format: "der", type: "spki" })
 *     const genuine = verify(null, Buffer.from(canonical(signed)), key, base64(signature))
 *
 * Who checks holds `publicKey` against the one that the box showed when it was set up: a forger signs with a key of his own.
 */
export interface Receipt<Body extends JsonObject = JsonObject> {
  readonly body: Body
  readonly algorithm: "Ed25519" | "SM2-SM3"
  /** SubjectPublicKeyInfo in DER, base64. */
  readonly publicKey: string
  /** 64 bytes, base64: as RFC 8032 writes it, or r and s of SM2. */
  readonly signature: string
}

export function signReceipt<Body extends JsonObject>(suite: Suite, pair: KeyPair, body: Body): Receipt<Body> {
  const signed = { body, algorithm: suite.signing.algorithm, publicKey: publicKeyText(suite, pair.publicKey) }
  return { ...signed, signature: base64(suite.signing.sign(pair, Buffer.from(canonicalJson(signed)))) }
}

/**
 * @param publicKey of the box that is said to have signed, as `publicKeyText` gives it
 * @returns whether it did, and nothing has been changed since
 */
export function isGenuine(suite: Suite, publicKey: string, { signature, ...signed }: Receipt): boolean {
  if (!isSignable({ ...signed })) return false
  const key = Buffer.from(publicKey, "base64").subarray(suite.signing.derPrefix.length)
  return suite.signing.verify(key, Buffer.from(canonicalJson({ ...signed })), Buffer.from(signature, "base64"))
}

/** As it stands in receipts, and is shown where the box is set up. */
export function publicKeyText({ signing }: Suite, publicKey: Uint8Array): string {
  return base64(Buffer.concat([signing.derPrefix, publicKey]))
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")
