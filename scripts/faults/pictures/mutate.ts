import { crc32 } from "node:zlib"
import type { Seed } from "./seeds.ts"

/** Uniform in [0, 1). */
export type Random = () => number

/** A damaged picture, and what was done to it: seed and damage together make it again. */
export interface Mutant {
  readonly of: string
  readonly damage: readonly string[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

type Damage = (bytes: Buffer, random: Random, seeds: readonly Seed[]) => Buffer

/** Values at which lengths, signs and counters go wrong. */
const oddBytes = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff]
const oddWords = [0, 1, 2, 7, 0x7fff, 0x8000, 0xffff]

/** What fuzzers have found decoders to stumble over; each returns new bytes. */
const damages: Readonly<Record<string, Damage>> = {
  flipBits: (bytes, random) => hit(bytes, random, 1 + below(random, 32), (value) => value ^ (1 << below(random, 8))),
  setBytes: (bytes, random) => hit(bytes, random, 1 + below(random, 16), () => oddBytes[below(random, oddBytes.length)]!),
  scramble: (bytes, random) => {
    const [from, to] = span(bytes, random)
    return Buffer.from(bytes.map((value, at) => (at >= from && at < to ? below(random, 256) : value)))
  },
  truncate: (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  cutOut: (bytes, random) => {
    const [from, to] = span(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  repeat: (bytes, random) => {
    const [from, to] = span(bytes, random)
    return Buffer.concat([
      bytes.subarray(0, to),
      ...Array(1 + below(random, 8)).fill(bytes.subarray(from, to)),
      bytes.subarray(to),
    ])
  },
  insert: (bytes, random) => {
    const at = below(random, bytes.length)
    const noise = Buffer.from(Array.from({ length: 1 + below(random, 64) }, () => below(random, 256)))
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
  },
  swap: (bytes, random) => {
    const [from, to] = span(bytes, random)
    const middle = from + Math.floor((to - from) / 2)
    return Buffer.concat([
      bytes.subarray(0, from),
      bytes.subarray(middle, to),
      bytes.subarray(from, middle),
      bytes.subarray(to),
    ])
  },
  /** The front of one picture and the end of another, often of another format. */
  splice: (bytes, random, seeds) => {
    const other = seeds[below(random, seeds.length)]!.bytes
    return Buffer.concat([bytes.subarray(0, below(random, bytes.length)), other.subarray(below(random, other.length))])
  },
  /** A 16-bit length or size somewhere in the first kilobyte. */
  oddWord: (bytes, random) => {
    const changed = Buffer.from(bytes)
    const at = 2 + below(random, Math.min(1024, changed.length - 4))
    changed.writeUInt16BE(oddWords[below(random, oddWords.length)]!, at)
    return changed
  },
  lyingSize: (bytes, random) => withSize(bytes, below(random, 16_384), below(random, 16_384)),
}

const damageNames = Object.keys(damages)

/** One to three damages on a copy of one seed; half of the damaged PNGs get right checksums again, so that they are read on. */
export function mutate(seeds: readonly Seed[], random: Random): Mutant {
  const seed = seeds[below(random, seeds.length)]!
  let bytes: Buffer = Buffer.from(seed.bytes)
  const done: string[] = []
  for (let rounds = 1 + below(random, 3); rounds > 0 && bytes.length > 64; rounds--) {
    const name = damageNames[below(random, damageNames.length)]!
    bytes = damages[name]!(bytes, random, seeds)
    done.push(name)
  }
  if (seed.format === "png" && random() < 0.5) {
    bytes = withChecksums(bytes)
    done.push("checksums")
  }
  return { of: seed.name, damage: done, bytes: Uint8Array.from(bytes) }
}

/** Says in the header that the picture has another size: SOF of a JPEG, IHDR of a PNG, VP8X, VP8L or VP8 of a WebP. */
export function withSize(bytes: Uint8Array, width: number, height: number): Buffer {
  const changed = Buffer.from(bytes)
  const fourth = changed.toString("latin1", 12, 16)
  if (changed[0] === 0x89 && changed.length > 24) {
    changed.writeUInt32BE(width, 16)
    changed.writeUInt32BE(height, 20)
    return withChecksums(changed)
  }
  if (fourth === "VP8X" && changed.length > 30) {
    changed.writeUIntLE(Math.max(0, width - 1), 24, 3)
    changed.writeUIntLE(Math.max(0, height - 1), 27, 3)
  } else if (fourth === "VP8L" && changed.length > 25) {
    changed.writeUInt32LE(((width - 1) & 0x3fff) | ((((height - 1) & 0x3fff) << 14) >>> 0), 21)
  } else if (fourth === "VP8 " && changed.length > 30) {
    changed.writeUInt16LE(width & 0x3fff, 26)
    changed.writeUInt16LE(height & 0x3fff, 28)
  } else {
    const frame = changed.findIndex((value, at) => value === 0xff && [0xc0, 0xc1, 0xc2].includes(changed[at + 1] ?? 0))
    if (frame > 0 && frame + 9 < changed.length) {
      changed.writeUInt16BE(height, frame + 5)
      changed.writeUInt16BE(width, frame + 7)
    }
  }
  return changed
}

/** Right checksums for all chunks of a PNG that can still be told apart. */
function withChecksums(bytes: Uint8Array): Buffer {
  const changed = Buffer.from(bytes)
  for (let at = 8; at + 12 <= changed.length; ) {
    const end = at + 8 + changed.readUInt32BE(at)
    if (end + 4 > changed.length) break
    changed.writeUInt32BE(crc32(changed.subarray(at + 4, end)), end)
    at = end + 4
  }
  return changed
}

function hit(bytes: Buffer, random: Random, times: number, change: (value: number) => number): Buffer {
  const changed = Buffer.from(bytes)
  // Half of the hits fall into the first kilobyte: headers and tables decide more than pixels do.
  for (let n = 0; n < times; n++) {
    const at = below(random, random() < 0.5 ? Math.min(1024, changed.length) : changed.length)
    changed[at] = change(changed[at]!)
  }
  return changed
}

function span(bytes: Buffer, random: Random): [from: number, to: number] {
  const from = below(random, bytes.length)
  return [from, Math.min(bytes.length, from + 1 + below(random, random() < 0.5 ? 64 : 4096))]
}

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound)
}
