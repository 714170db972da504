/** The few kinds of ASN.1 values that a certificate is made of, in DER (X.690): tag, length, content. */

/** A value in DER. */
export type Der = Uint8Array

const tags = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, text: 0x0c, utcTime: 0x17, time: 0x18 }
const constructed = { sequence: 0x30, set: 0x31 }

/** Any value by its tag. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Der {
  const content = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(tag, ...lengthOf(content.length)), content])
}

/** Short up to 127; above that the number of bytes, and the bytes. */
function lengthOf(bytes: number): readonly number[] {
  if (bytes < 0x80) return [bytes]
  const digits: number[] = []
  for (let left = bytes; left > 0; left = Math.floor(left / 256)) digits.unshift(left % 256)
  return [0x80 | digits.length, ...digits]
}

export const sequence = (...parts: readonly Der[]): Der => der(constructed.sequence, ...parts)
export const setOf = (part: Der): Der => der(constructed.set, part)
export const octets = (bytes: Uint8Array): Der => der(tags.octets, bytes)
export const text = (value: string): Der => der(tags.text, Buffer.from(value))
export const yes: Der = der(tags.boolean, Uint8Array.of(0xff))
/** Whole bytes of bits. */
export const bits = (bytes: Uint8Array): Der => der(tags.bits, Uint8Array.of(0), bytes)

/** Explicit, as `[number]` of the standard. */
export const tagged = (number: number, part: Der): Der => der(0xa0 | number, part)

/** The first bits are the named ones of the standard, in their order; zeros at the end are left out, as DER demands. */
export function namedBits(...set: readonly number[]): Der {
  const last = Math.max(...set)
  const bytes = new Uint8Array(Math.floor(last / 8) + 1)
  for (const bit of set) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return der(tags.bits, Uint8Array.of(7 - (last % 8)), bytes)
}

/** @param bytes a positive number, highest byte first */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0)
  const shortest = first < 0 ? Uint8Array.of(0) : bytes.subarray(first)
  // The highest bit would make it negative.
  return (shortest[0] ?? 0) >= 0x80 ? der(tags.integer, Uint8Array.of(0), shortest) : der(tags.integer, shortest)
}

/** @param dotted as `1.2.840.10045.2.1` */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number)
  return der(tags.oid, Uint8Array.from([first * 40 + second, ...others].flatMap(sevenBitDigits)))
}

/** Seven bits a byte, the highest first; all but the last have the eighth bit. */
function sevenBitDigits(arc: number): number[] {
  const digits = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80)
  return digits
}

/** To the second. Certificates write the year with two digits until 2049, and with four from then on. */
export function time(date: Date): Der {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "")
  return date.getUTCFullYear() < 2050 ? der(tags.utcTime, Buffer.from(digits.slice(2))) : der(tags.time, Buffer.from(digits))
}
