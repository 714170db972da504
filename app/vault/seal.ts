import { nonceBytes, type Suite, suiteNameOf, tagBytes } from "./suite.ts"

/**
 * A sealed value, as it lies in a column:
 *
 *     0    mark, one byte
 *     1    format (high four bits), suite (low four bits)
 *     2    id of the key, 8 bytes
 *     10   nonce, 12 bytes
 *     22   ciphertext, as long as the value, and the tag, 16 bytes
 *
 * Bytes 0 to 9 and the place stand in the additional data, so a value opens only where it was put, and no byte of it can be
 * another.
 *
 * Nonces are 96 random bits. Counters would repeat after a restore from a backup, and with them GCM falls; random ones need no
 * memory. A key may seal `sealsMax` times: then two nonces are equal with a chance of 2^-33 (SP 800-38D, 8.3). A subject's key
 * seals a few hundred times in its life; at ten a second a key that serves a whole site gets there in 13 years, so what is written
 * all day has a key for each month (and is shredded by the month, too).
 */
export interface SealKey {
  readonly suite: Suite
  /** 16 hexadecimal digits: in the header, to tell a wrong key from a changed value. No secret. */
  readonly id: string
  /** `suite.keyBytes` of them. */
  readonly bytes: Uint8Array
}

export const sealsMax = 2 ** 32

/** Where a value lies. One that was copied to another place, or is older than its row says, does not open. */
export interface Place {
  readonly table: string
  readonly column: string
  /** The row's id: what never changes while the row is there. */
  readonly row: string | number
  /** Of the row's content, where the row counts its versions; 0 elsewhere. */
  readonly version?: number
}

export type Opened = { readonly kind: "opened"; readonly plain: Uint8Array } | Refused

export type Refused =
  /** Written by another program, or not sealed at all. */
  | { readonly kind: "unknown_format" }
  /** Whole as far as one can tell, and sealed by the key of this id. */
  | { readonly kind: "wrong_key"; readonly keyId: string }
  /** Not what was sealed here: changed, cut, or brought from another place. */
  | { readonly kind: "tampered" }

const mark = 0xb7
const format = 1
const headerBytes = 10
const idBytes = 8

/** What a sealed value is longer than the value: 38 bytes. */
export const sealedExtraBytes = headerBytes + nonceBytes + tagBytes

/** To be done once for each write: the nonce is another one each time. */
export function seal(key: SealKey, place: Place, plain: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerBytes)
  header[0] = mark
  header[1] = (format << 4) | key.suite.code
  header.write(key.id, 2, "hex")
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
  return Buffer.concat([header, nonce, key.suite.seal(key.bytes, nonce, additional(header, place), plain)])
}

export function open(key: SealKey, place: Place, sealed: Uint8Array): Opened {
  const header = readHeader(sealed)
  if (header === undefined) return { kind: "unknown_format" }
  if (header.suite !== key.suite.name || header.keyId !== key.id) return { kind: "wrong_key", keyId: header.keyId }
  const aad = additional(sealed.subarray(0, headerBytes), place)
  const nonce = sealed.subarray(headerBytes, headerBytes + nonceBytes)
  const plain = key.suite.open(key.bytes, nonce, aad, sealed.subarray(headerBytes + nonceBytes))
  return plain === undefined ? { kind: "tampered" } : { kind: "opened", plain }
}

/** What a value says of itself without a key; nothing of it is certain before it has been opened. */
export function readHeader(sealed: Uint8Array) {
  if (sealed.length < sealedExtraBytes || sealed[0] !== mark || sealed[1]! >> 4 !== format) return undefined
  const suite = suiteNameOf(sealed[1]! & 15)
  if (suite === undefined) return undefined
  const keyId = Buffer.from(sealed.buffer, sealed.byteOffset + 2, idBytes).toString("hex")
  return { suite, keyId }
}

/** A key that never sealed anything. */
export function createSealKey(suite: Suite): SealKey {
  const id = crypto.getRandomValues(Buffer.alloc(idBytes)).toString("hex")
  return { suite, id, bytes: crypto.getRandomValues(new Uint8Array(suite.keyBytes)) }
}

/** For the log and for who repairs: which value, what is the matter, what helps. Tells nothing of its content. */
export function wordsForRefused(refused: Refused, { table, column, row }: Place): string {
  const which = `${table}.${column} of row ${row}`
  switch (refused.kind) {
    case "unknown_format":
      return `${which} is not sealed, or by a newer Gatehouse: start the newer program, or restore a backup`
    case "wrong_key":
      return `${which} is sealed by key ${refused.keyId}, which is not the one of this row: rows were swapped, or come from another box; restore a backup`
    case "tampered":
      return `${which} was changed on the disk after it was sealed: restore a backup, or delete it`
  }
}

/** No table or column has a NUL in its name, so no two places read the same. */
function additional(header: Uint8Array, { table, column, row, version = 0 }: Place): Uint8Array {
  return Buffer.concat([header, Buffer.from(`${table}\0${column}\0${version}\0${row}`)])
}
