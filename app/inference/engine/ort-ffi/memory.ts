import { type Pointer, ptr } from "bun:ffi"

/**
 * Memory that a C function reads or writes while it is handed in. What lies here stays where it is: each piece is backed by an
 * ArrayBuffer of its own from the start, where the runtime of JavaScript moves small arrays when their buffer is asked for.
 */

const pointerBytes = 8

/** As bun:ffi may hand an address out; null where C says NULL. */
export type Address = Pointer | bigint | null

/** A number, as bun:ffi's own functions want it; 0 is null. */
export function toPointer(address: Address): Pointer | null {
  const number = Number(address ?? 0)
  return number === 0 ? null : (number as Pointer)
}

/** Places for `count` pointers that C writes, zero at first. */
export function pointerSlots(count: number): BigUint64Array<ArrayBuffer> {
  // An array without a place has no address to hand in.
  return new BigUint64Array(new ArrayBuffer(Math.max(1, count) * pointerBytes))
}

/** The pointer in a slot. */
export function pointerIn(slots: BigUint64Array, index = 0): Pointer | null {
  return toPointer(slots[index]!)
}

/** Text as C wants it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(Buffer.byteLength(text) + 1))
  Buffer.from(bytes.buffer).write(text)
  return bytes
}

/**
 * `char*[]`: the pointers, and behind them in the same piece of memory the texts they point to, so that whoever holds the one
 * holds the others.
 */
export function cStrings(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoded = texts.map((text) => Buffer.from(`${text}\0`))
  const tableBytes = Math.max(1, texts.length) * pointerBytes
  const block = Buffer.from(new ArrayBuffer(encoded.reduce((sum, { length }) => sum + length, tableBytes)))
  const start = BigInt(ptr(block))
  let at = tableBytes
  for (const [index, text] of encoded.entries()) {
    block.writeBigUInt64LE(start + BigInt(at), index * pointerBytes)
    block.set(text, at)
    at += text.length
  }
  return block
}
