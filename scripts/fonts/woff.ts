import { inflateSync } from "node:zlib"

const headerBytes = 44
const entryBytes = 20

/**
 * A font as programs take it (SFNT: TrueType or OpenType) out of one packed for browsers (WOFF 1.0, W3C Recommendation of 2012):
 * the same tables in the same order, each of them deflated by itself.
 */
export function unpackWoff(woff: Buffer): Buffer {
  if (woff.subarray(0, 4).toString("latin1") !== "wOFF") throw new Error("this is no WOFF 1.0 file")
  const flavour = woff.subarray(4, 8)
  const count = woff.readUInt16BE(12)
  const tables = Array.from({ length: count }, (_, i) => readTable(woff, headerBytes + entryBytes * i))

  const directory = Buffer.alloc(12 + 16 * count)
  const parts: Buffer[] = [directory]
  let at = directory.length
  flavour.copy(directory)
  directory.writeUInt16BE(count, 4)
  // For a binary search, as the format wants it: the largest power of two below, and what is left.
  const power = 2 ** Math.floor(Math.log2(count))
  directory.writeUInt16BE(16 * power, 6)
  directory.writeUInt16BE(Math.log2(power), 8)
  directory.writeUInt16BE(16 * (count - power), 10)
  for (const [i, { tag, checksum, data }] of tables.entries()) {
    const entry = 12 + 16 * i
    tag.copy(directory, entry)
    directory.writeUInt32BE(checksum, entry + 4)
    directory.writeUInt32BE(at, entry + 8)
    directory.writeUInt32BE(data.length, entry + 12)
    const padding = Buffer.alloc((4 - (data.length % 4)) % 4)
    parts.push(data, padding)
    at += data.length + padding.length
  }
  return Buffer.concat(parts)
}

function readTable(woff: Buffer, entry: number): { tag: Buffer; checksum: number; data: Buffer } {
  const [at, packedBytes, bytes, checksum] = [4, 8, 12, 16].map((field) => woff.readUInt32BE(entry + field)) as [
    number,
    number,
    number,
    number,
  ]
  const packed = woff.subarray(at, at + packedBytes)
  // A table that would not become smaller stands there as it is.
  const data = packedBytes < bytes ? inflateSync(packed) : packed
  if (data.length !== bytes) throw new Error(`a table of ${bytes} bytes came out with ${data.length}`)
  return { tag: woff.subarray(entry, entry + 4), checksum, data }
}
