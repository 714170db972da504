import type { SealKey } from "./seal.ts"

/** Of 2^64 texts two would meet. */
const digestBytes = 16

/**
 * Finds a sealed value by asking for the whole of it: an index over these digests holds none, and tells a thief at most which
 * rows have the same one.
 * @param key of the site; never one that seals
 * @param column where the digest lies: the same text has another digest in another column
 */
export function lookupDigest({ suite, bytes }: SealKey, column: string, value: string | Uint8Array): Uint8Array {
  const message = Buffer.concat([Buffer.from(`gatehouse lookup v1\0${column}\0`), Buffer.from(value)])
  return suite.mac(bytes, message).subarray(0, digestBytes)
}
