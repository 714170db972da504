/**
 * Some files were rewritten before they were compressed, because zstd then finds more in them: three megabytes of the program.
 * Each rule is undone here to the very bytes; `scripts/build/filters.ts` applies it.
 */
export type Filter =
  /**
   * Machine code for x86-64 at `at`, `bytes` long: calls, jumps and reads of constants tell their target instead of the distance to
   * it.
   */
  | { readonly kind: "code"; readonly at: number; readonly bytes: number }
  /** Numbers of 32 bits that take few values, as in networks that once had 8 bits: places in a list instead of numbers. */
  | { readonly kind: "palettes" }
  /** Numbers of 32 bits: all first bytes, then all second ones, and so on; what is left of the division stands at the end. */
  | { readonly kind: "planes" }

/** @returns the bytes as they were; those given may be overwritten */
export function undoFilter(bytes: Buffer, filter: Filter | undefined): Buffer {
  switch (filter?.kind) {
    case undefined:
      return bytes
    case "code":
      undoCode(bytes.subarray(filter.at, filter.at + filter.bytes))
      return bytes
    case "palettes":
      return undoPalettes(bytes)
    case "planes":
      return undoPlanes(bytes)
  }
}

/**
 * Last byte of the operations that are often told an address by its distance: mov, lea, arithmetic, comparisons, calls by pointer,
 * and moves and arithmetic of floating-point numbers. With every byte in it, as much is spoiled elsewhere as is won.
 */
const readingOperations = [
  ...[0x03, 0x10, 0x11, 0x28, 0x29, 0x2e, 0x2f, 0x39, 0x3b, 0x54, 0x57, 0x58, 0x59, 0x5c, 0x5e, 0x63, 0x6f, 0x7f],
  ...[0x89, 0x8b, 0x8d, 0xff],
]

/** By byte: whether it is one of these. */
export const isReading = Uint8Array.from({ length: 256 }, (_, byte) => Number(readingOperations.includes(byte)))

/**
 * Calls that could point into the code were turned around its length, so that every distance has exactly one other form. The bytes
 * by which a place is found are never among those that were changed.
 */
function undoCode(code: Buffer): void {
  for (let i = 0; i + 6 <= code.length; i++) {
    const byte = code[i]!
    if (byte === 0xe8 || byte === 0xe9) {
      const end = i + 5
      const target = code.readInt32LE(i + 1)
      if (target >= 0 && target < code.length) code.writeInt32LE(target - end, i + 1)
      else if (target < 0 && target >= -end) code.writeInt32LE(target + code.length, i + 1)
      i += 4
    } else if (isReading[byte] === 1 && (code[i + 1]! & 0xc7) === 0x05) {
      // The second byte says that what is read lies at a distance.
      code.writeInt32LE((code.readInt32LE(i + 2) - (i + 6)) | 0, i + 2)
      i += 5
    }
  }
}

/**
 * Layout, all numbers of 32 bits, little-endian: how many runs there are; for each run how many bytes stand before it as they
 * were, how many numbers it has, how many values they take, and these values; then all bytes that stand as they were; then a byte for
 * each number of each run, its place among the values.
 */
function undoPalettes(bytes: Buffer): Buffer {
  let at = 0
  const next = () => {
    at += 4
    return bytes.readUInt32LE(at - 4)
  }
  const runs = Array.from({ length: next() }, () => {
    const [plain, numbers, count] = [next(), next(), next()]
    const values = Array.from({ length: count }, next)
    return { plain, numbers, values }
  })
  const indices = runs.reduce((sum, { numbers }) => sum + numbers, 0)
  let indexAt = bytes.length - indices
  const out = Buffer.allocUnsafe(indexAt - at + 4 * indices)
  let outAt = 0
  for (const { plain, numbers, values } of runs) {
    outAt += bytes.copy(out, outAt, at, at + plain)
    at += plain
    for (let i = 0; i < numbers; i++) outAt = out.writeUInt32LE(values[bytes[indexAt++]!]!, outAt)
  }
  bytes.copy(out, outAt, at, bytes.length - indices)
  return out
}

function undoPlanes(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes)
  const numbers = Math.floor(bytes.length / 4)
  for (let i = 0; i < numbers; i++) {
    for (let plane = 0; plane < 4; plane++) out[4 * i + plane] = bytes[plane * numbers + i]!
  }
  return out
}
