import { assert } from "../base/assert.ts"

/** Binary writing and bounded reading of what boxes send each other. Numbers of fixed width are big-endian: they sort as they are. */

const growBy = 1024

export function createByteWriter() {
  let bytes = new Uint8Array(growBy)
  let length = 0

  function room(wanted: number): number {
    if (length + wanted > bytes.length) {
      const larger = new Uint8Array(length + wanted + growBy)
      larger.set(bytes.subarray(0, length))
      bytes = larger
    }
    const at = length
    length += wanted
    return at
  }

  const writer = {
    /** A whole number of so many bytes, at most 6 or 7. */
    uint(value: number, byteCount: number): void {
      assert(Number.isSafeInteger(value) && value >= 0 && value < 256 ** byteCount, `${value} fits ${byteCount} bytes`)
      const at = room(byteCount)
      let rest = value
      for (let i = byteCount - 1; i >= 0; i--) {
        bytes[at + i] = rest % 256
        rest = Math.floor(rest / 256)
      }
    },
    /** 7 bits a byte, the lowest first: small numbers take one byte. */
    varint(value: number): void {
      assert(Number.isSafeInteger(value) && value >= 0, "what is counted is a whole number")
      let rest = value
      for (; rest >= 128; rest = Math.floor(rest / 128)) writer.uint((rest % 128) | 128, 1)
      writer.uint(rest, 1)
    },
    raw(data: Uint8Array): void {
      // First: making room may put other bytes in their place.
      const at = room(data.length)
      bytes.set(data, at)
    },
    /** With its length before it. */
    block(data: Uint8Array): void {
      writer.varint(data.length)
      writer.raw(data)
    },
    text(text: string): void {
      writer.block(new TextEncoder().encode(text))
    },
    done: (): Uint8Array => bytes.slice(0, length),
  }
  return writer
}

export type ByteReader = ReturnType<typeof createByteReader>

const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Reads bytes of a stranger. What is missing or malformed is read as nothing and remembered: ask `isSound` once, at the end, before
 * anything that was read is believed. Each value has one way to be written, and another is malformed, too.
 */
export function createByteReader(bytes: Uint8Array) {
  let at = 0
  let broken = false

  function take(length: number): Uint8Array {
    if (broken || length > bytes.length - at) {
      broken = true
      return none
    }
    at += length
    return bytes.subarray(at - length, at)
  }

  const reader = {
    uint(byteCount: number): number {
      let value = 0
      for (const byte of take(byteCount)) value = value * 256 + byte
      if (!Number.isSafeInteger(value)) broken = true
      return broken ? 0 : value
    },
    varint(): number {
      let value = 0
      for (let factor = 1; ; factor *= 128) {
        const byte = take(1)[0] ?? 0
        value += (byte & 127) * factor
        if (byte < 128) {
          // A last byte of nothing could be left away: the same number in two ways.
          if (!Number.isSafeInteger(value) || (byte === 0 && factor > 1)) broken = true
          return broken ? 0 : value
        }
        if (factor > 2 ** 46) {
          broken = true
          return 0
        }
      }
    },
    /** A view, no copy. */
    raw: take,
    block: (bytesMax: number): Uint8Array => reader.raw(reader.bounded(bytesMax)),
    /** A count of at most so many. */
    bounded(max: number): number {
      const value = reader.varint()
      if (value > max) broken = true
      return broken ? 0 : value
    },
    text(bytesMax: number): string {
      const encoded = reader.block(bytesMax)
      try {
        return strictText.decode(encoded)
      } catch {
        // The one thing a strict decoder can say: these bytes are no UTF-8.
        broken = true
        return ""
      }
    },
    refuse(): void {
      broken = true
    },
    /** How many bytes were read. */
    position: (): number => at,
    /** Nothing was missing so far. */
    isSound: (): boolean => !broken,
    /** Nothing was missing, and nothing is left. */
    isSoundToTheEnd: (): boolean => !broken && at === bytes.length,
  }
  return reader
}

const none = new Uint8Array()
