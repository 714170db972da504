import { type Filter, isReading } from "../../app/base/resources/filters.ts"

/** Shorter runs save less than their list of values costs. */
const runNumbersMin = 2048
const valuesMax = 256
/** Half of the shortest run: none is passed over by more than its beginning, which is found again from inside. */
const searchStepBytes = 2 * runNumbersMin

/** The rule that helps with a file, and the file rewritten by it; nothing where none does. */
export function applyFilter(path: string, bytes: Buffer): { readonly filter: Filter; readonly filtered: Buffer } | undefined {
  if (path.endsWith(".onnx")) {
    const filtered = applyPalettes(bytes)
    if (filtered !== undefined) return { filter: { kind: "palettes" }, filtered }
    return { filter: { kind: "planes" }, filtered: applyPlanes(bytes) }
  }
  const code = x86Code(bytes)
  if (code === undefined) return undefined
  const filtered = Buffer.from(bytes)
  applyCode(filtered.subarray(code.at, code.at + code.bytes))
  return { filter: { kind: "code", ...code }, filtered }
}

/** See `undoCode` there. */
function applyCode(code: Buffer): void {
  for (let i = 0; i + 6 <= code.length; i++) {
    const byte = code[i]!
    if (byte === 0xe8 || byte === 0xe9) {
      const end = i + 5
      const distance = code.readInt32LE(i + 1)
      if (distance >= -end && distance < code.length) {
        code.writeInt32LE(distance < code.length - end ? distance + end : distance - code.length, i + 1)
      }
      i += 4
    } else if (isReading[byte] === 1 && (code[i + 1]! & 0xc7) === 0x05) {
      code.writeInt32LE((code.readInt32LE(i + 2) + i + 6) | 0, i + 2)
      i += 5
    }
  }
}

/** Where the section `.text` of an ELF file for x86-64 lies. */
function x86Code(bytes: Buffer): { readonly at: number; readonly bytes: number } | undefined {
  const isX86 = bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes.readUInt16LE(18) === 62
  if (!isX86) return undefined
  const sections = Number(bytes.readBigUInt64LE(40))
  const [count, namesIndex] = [bytes.readUInt16LE(60), bytes.readUInt16LE(62)]
  const namesAt = Number(bytes.readBigUInt64LE(sections + 64 * namesIndex + 24))
  for (let header = sections; header < sections + 64 * count; header += 64) {
    const name = namesAt + bytes.readUInt32LE(header)
    if (bytes.toString("latin1", name, name + 6) !== ".text\0") continue
    return { at: Number(bytes.readBigUInt64LE(header + 24)), bytes: Number(bytes.readBigUInt64LE(header + 32)) }
  }
  return undefined
}

function applyPlanes(bytes: Buffer): Buffer {
  const filtered = Buffer.from(bytes)
  const numbers = Math.floor(bytes.length / 4)
  for (let i = 0; i < numbers; i++) {
    for (let plane = 0; plane < 4; plane++) filtered[plane * numbers + i] = bytes[4 * i + plane]!
  }
  return filtered
}

function applyPalettes(bytes: Buffer): Buffer | undefined {
  const heads: number[] = []
  const plain: Buffer[] = []
  const indices: Buffer[] = []
  let plainFrom = 0
  for (let from = 0; from + 4 * runNumbersMin <= bytes.length; ) {
    const run = [0, 1, 2, 3].map((shift) => findRun(bytes, from + shift, plainFrom)).find((found) => found !== undefined)
    if (run === undefined) {
      from += searchStepBytes
      continue
    }
    const { at, end, values } = run
    // In the order of the numbers: neighbours in value are neighbours in place.
    const sorted = [...values].sort((a, b) => asFloat(a) - asFloat(b) || a - b)
    const places = new Map(sorted.map((value, place) => [value, place]))
    const numbers = (end - at) / 4
    heads.push(at - plainFrom, numbers, sorted.length, ...sorted)
    plain.push(bytes.subarray(plainFrom, at))
    indices.push(Buffer.from(Array.from({ length: numbers }, (_, i) => places.get(bytes.readUInt32LE(at + 4 * i))!)))
    plainFrom = end
    from = end
  }
  if (indices.length === 0) return undefined
  const head = Buffer.alloc(4 * (heads.length + 1))
  for (const [i, value] of [indices.length, ...heads].entries()) head.writeUInt32LE(value, 4 * i)
  return Buffer.concat([head, ...plain, bytes.subarray(plainFrom), ...indices])
}

/** The run of few values around `at`, if one is there; it reaches back as far as `earliest`. */
function findRun(bytes: Buffer, at: number, earliest: number) {
  const values = new Set<number>()
  const takes = (place: number) => {
    const value = bytes.readUInt32LE(place)
    if (values.size === valuesMax && !values.has(value)) return false
    values.add(value)
    return true
  }
  let end = at
  while (end + 4 <= bytes.length && takes(end)) end += 4
  if ((end - at) / 4 < runNumbersMin) return undefined
  let begin = at
  while (begin - 4 >= earliest && takes(begin - 4)) begin -= 4
  return { at: begin, end, values }
}

const floats = new DataView(new ArrayBuffer(4))

function asFloat(word: number): number {
  floats.setUint32(0, word)
  const value = floats.getFloat32(0)
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value
}
