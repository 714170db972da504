import { endOfFill, type PictureFormat } from "./header.ts"

/** A profile or a preview of this size is still real (the usual print profile has 550 KB); decoders read it in a millisecond. */
const metadataBytesMax = 1024 * 1024

/** So much text compressed may grow a thousandfold: 2 ms. Less than that is not worth a copy of the picture. */
const otherBytesMax = 16_384

/** EXIF holds the orientation, and a JPEG could not hold more of it in one segment. */
const exifBytesMax = 65_536

/** Part of a file, from its first byte to the one behind its last. */
interface Range {
  readonly from: number
  to: number
}

/**
 * The picture without what no decoder needs for its pixels, when there is so much of it that reading it costs: a PNG may hold
 * texts that grow to gigabytes, a WebP a million chunks (596 ms and 53 MB measured, for 64 × 48 pixels). What cannot be walked
 * stays as it is, for the decoder to refuse. Most pictures come back as they are, uncopied.
 */
export function trimMetadata(picture: Uint8Array, format: PictureFormat): Uint8Array {
  switch (format) {
    case "jpeg":
      return trimJpeg(picture)
    case "png":
      return trimPng(picture)
    case "webp":
      return trimWebp(picture)
  }
}

/** Everything in front of the pixels that is neither table nor frame, but for the first of JFIF, Adobe (colours) and EXIF. */
function trimJpeg(bytes: Uint8Array): Uint8Array {
  const dropped: Range[] = []
  const kept = new Set<number>()
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!
    if (marker === 0xda) break
    const end =
      marker === 0xff ? endOfFill(bytes, at) : at + 2 + (standsAlone(marker) ? 0 : (bytes[at + 2]! << 8) | bytes[at + 3]!)
    if (end > bytes.length) break
    const isFirst = (marker === 0xe0 || marker === 0xe1 || marker === 0xee) && !kept.has(marker)
    if (isFirst) kept.add(marker)
    else if (standsAlone(marker) || marker >= 0xe0) drop(dropped, at, end)
    at = end
  }
  return lengthOf(dropped) > metadataBytesMax ? withoutRanges(bytes, dropped) : bytes
}

/** Without a length: TEM and the restart markers. */
function standsAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)
}

const png = { transparency: fourLetters("tRNS"), exif: fourLetters("eXIf"), profile: fourLetters("iCCP") }

/** Chunks that begin with a small letter are beside the pixels; of those transparency, orientation and profile stay. */
function trimPng(bytes: Uint8Array): Uint8Array {
  const dropped: Range[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const end = at + 12 + length
    if (end > bytes.length) break
    const name = view.getUint32(at + 4)
    const stays =
      (bytes[at + 4]! & 0x20) === 0 ||
      name === png.transparency ||
      (name === png.exif && length <= exifBytesMax) ||
      (name === png.profile && length <= metadataBytesMax)
    if (!stays) drop(dropped, at, end)
    at = end
  }
  return lengthOf(dropped) > otherBytesMax ? withoutRanges(bytes, dropped) : bytes
}

const webp = {
  extended: fourLetters("VP8X"),
  exif: fourLetters("EXIF"),
  profile: fourLetters("ICCP"),
  xmp: fourLetters("XMP "),
}
const webpPixels = new Set(["VP8X", "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF"].map(fourLetters))

/** Bits of VP8X that announce what may be dropped: without them nobody looks for it. */
const webpFlags = new Map([
  [webp.profile, 0x20],
  [webp.exif, 0x08],
  [webp.xmp, 0x04],
])

function trimWebp(bytes: Uint8Array): Uint8Array {
  const dropped: Range[] = []
  let flags = 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true)
    const end = at + 8 + length + (length % 2)
    if (end > bytes.length) break
    const name = view.getUint32(at)
    const stays =
      webpPixels.has(name) ||
      (name === webp.exif && length <= exifBytesMax) ||
      (name === webp.profile && length <= metadataBytesMax)
    if (!stays) {
      drop(dropped, at, end)
      flags |= webpFlags.get(name) ?? 0
    }
    at = end
  }
  if (lengthOf(dropped) <= otherBytesMax) return bytes
  const trimmed = withoutRanges(bytes, dropped)
  const trimmedView = new DataView(trimmed.buffer)
  // Less what is gone, not the new length: a file that was cut off must still look cut off.
  trimmedView.setUint32(4, Math.max(0, trimmedView.getUint32(4, true) - lengthOf(dropped)), true)
  if (trimmed.length > 20 && trimmedView.getUint32(12) === webp.extended) trimmed[20] = trimmed[20]! & ~flags
  return trimmed
}

/** Neighbours become one range: a million small chunks must not become a million objects. */
function drop(dropped: Range[], from: number, to: number): void {
  const last = dropped.at(-1)
  if (last?.to === from) last.to = to
  else dropped.push({ from, to })
}

function lengthOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0)
}

function withoutRanges(bytes: Uint8Array, dropped: readonly Range[]): Uint8Array {
  const left = new Uint8Array(bytes.length - lengthOf(dropped))
  let at = 0
  let keptFrom = 0
  for (const { from, to } of [...dropped, { from: bytes.length, to: bytes.length }]) {
    left.set(bytes.subarray(keptFrom, from), at)
    at += from - keptFrom
    keptFrom = to
  }
  return left
}

/** The name of a chunk as the number that its four letters make, big-endian. */
function fourLetters(name: string): number {
  return Buffer.from(name, "latin1").readUInt32BE()
}
