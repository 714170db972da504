import { createHash, type Hash } from "node:crypto"

/**
 * SHA-256 of a parsed value: plain objects, arrays, numbers, texts, bytes. Equal for equal values, however they came: the order
 * of keys, white space in JSON and the boundary of a form make no difference.
 */
export function fingerprint(value: unknown): Uint8Array {
  const hash = createHash("sha256")
  feed(hash, value)
  return hash.digest()
}

/** Every part says what it is and how long, so that two different values never feed the same bytes. */
function feed(hash: Hash, value: unknown): void {
  if (value instanceof Uint8Array || value instanceof Float32Array) {
    hash.update(`${value.constructor.name} ${value.byteLength}\0`)
    hash.update(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  } else if (Array.isArray(value)) {
    hash.update(`array ${value.length}\0`)
    for (const item of value) feed(hash, item)
  } else if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    hash.update(`object ${entries.length}\0`)
    for (const [key, item] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
      feed(hash, key)
      feed(hash, item)
    }
  } else hash.update(`${JSON.stringify(value) ?? typeof value}\0`)
}
