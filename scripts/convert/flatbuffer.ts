/**
 * Reads a FlatBuffer (https://flatbuffers.dev/internals/): tables whose fields are found by number through a table of offsets.
 * A field that is absent has its default. Broken bytes throw a RangeError; the callers only read files of a known SHA-256.
 */
export interface FlatTable {
  int8(field: number, absent?: number): number
  int32(field: number, absent?: number): number
  text(field: number): string
  int32s(field: number): readonly number[]
  table(field: number): FlatTable | undefined
  tables(field: number): readonly FlatTable[]
  bytes(field: number): Uint8Array
}

export function readFlatRoot(file: Uint8Array): FlatTable {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  return tableAt(buffer, buffer.readUInt32LE(0))
}

function tableAt(buffer: Buffer, start: number): FlatTable {
  const offsets = start - buffer.readInt32LE(start)
  const offsetsBytes = buffer.readUInt16LE(offsets)

  /** Where the field's value stands; `undefined` when it is absent. */
  function place(field: number): number | undefined {
    const entry = 4 + 2 * field
    const offset = entry < offsetsBytes ? buffer.readUInt16LE(offsets + entry) : 0
    return offset === 0 ? undefined : start + offset
  }

  function follow(at: number): number {
    return at + buffer.readUInt32LE(at)
  }

  function vector(field: number): { readonly first: number; readonly length: number } {
    const at = place(field)
    if (at === undefined) return { first: 0, length: 0 }
    return { first: follow(at) + 4, length: buffer.readUInt32LE(follow(at)) }
  }

  /** Where each of the 4-byte elements stands. */
  function elements(field: number): number[] {
    const { first, length } = vector(field)
    return Array.from({ length }, (_, index) => first + 4 * index)
  }

  function bytes(field: number): Buffer {
    const { first, length } = vector(field)
    return buffer.subarray(first, first + length)
  }

  return {
    int8(field, absent = 0) {
      const at = place(field)
      return at === undefined ? absent : buffer.readInt8(at)
    },
    int32(field, absent = 0) {
      const at = place(field)
      return at === undefined ? absent : buffer.readInt32LE(at)
    },
    text: (field) => bytes(field).toString("utf8"),
    int32s: (field) => elements(field).map((at) => buffer.readInt32LE(at)),
    table(field) {
      const at = place(field)
      return at === undefined ? undefined : tableAt(buffer, follow(at))
    },
    tables: (field) => elements(field).map((at) => tableAt(buffer, follow(at))),
    bytes,
  }
}
