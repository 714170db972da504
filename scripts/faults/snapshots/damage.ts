/** One way in which a file goes bad. `undefined`: this one leaves it as it is (two equal bytes swapped), so it is no case. */
export interface Damage {
  readonly what: string
  readonly bytes: Buffer | undefined
}

/** @param other another sound snapshot, of another space */
export function damaged(sound: Buffer, other: Buffer, random: () => number): Damage {
  const at = () => Math.floor(random() * sound.length)
  switch (Math.floor(random() * 6)) {
    case 0: {
      const place = at()
      const bytes = Buffer.from(sound)
      bytes[place] = bytes[place]! ^ (1 + Math.floor(random() * 255))
      return { what: `byte ${place} changed`, bytes }
    }
    case 1: {
      const length = at()
      return { what: `cut off at ${length}`, bytes: sound.subarray(0, length) }
    }
    case 2: {
      const [a, b] = [at(), at()]
      const bytes = Buffer.from(sound)
      bytes[a] = sound[b]!
      bytes[b] = sound[a]!
      return { what: `bytes ${a} and ${b} swapped`, bytes: bytes.equals(sound) ? undefined : bytes }
    }
    case 3: {
      // A sector that was never written, or came back empty.
      const from = at()
      const bytes = Buffer.from(sound)
      bytes.fill(0, from, from + 512)
      return { what: `512 bytes empty from ${from}`, bytes: bytes.equals(sound) ? undefined : bytes }
    }
    case 4:
      return { what: "that of another space in its place", bytes: other }
    default:
      return { what: `${1 + at()} bytes too long`, bytes: Buffer.concat([sound, Buffer.alloc(1 + (at() % 4096), 7)]) }
  }
}
