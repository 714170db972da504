import type { PictureRefusal } from "../wire.ts"

export type PictureFormat = "jpeg" | "png" | "webp"

/** As in EXIF: 1 is upright; 2 mirrored; 3 upside down; 4 both; 5–8 lie on their side. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

export interface Refusal {
  readonly kind: "refused"
  readonly reason: PictureRefusal
  readonly why: string
}

/** What the first bytes say. `width` and `height` are those stored, before the orientation is applied. */
export type PictureHeader =
  | {
      readonly kind: "ok"
      readonly format: PictureFormat
      readonly width: number
      readonly height: number
      readonly orientation: Orientation
    }
  | Refusal

export const imageBytesMax = 8 * 1024 * 1024
/** 25 megapixels: 75 MB as pixels. A larger camera picture says nothing more about a face. */
export const imagePxMax = 25_000_000
export const imageSidePxMax = 16_384
/** Each scan of a progressive JPEG goes over all pixels again; a real one has about ten, and a hostile one thousands. */
const jpegScansMax = 100
/** … and 99 scans of 25 megapixels keep an engine busy for 3 s: the largest picture may have 20. */
const jpegScannedPxMax = 500_000_000
/**
 * A file that is too short for its pixels, however plain they are, is not whole. Decoders paint the rest grey, so that 300 bytes
 * could cost half a second. Huffman coding takes at least two bits for a block of 8 × 8, progressive one for its first scan.
 */
const jpegPxPerByteMax = { baseline: 256, progressive: 512 }
/** The most that zlib shrinks anything. */
const deflateRatioMax = 1032
/** Of one PNG or WebP: a real one has some ten, or one for every few kilobytes of pixels. */
const chunksMax = 20_000
/** In front of the frame header; a profile of 8 MB, the most there is room for, takes 128. */
const jpegSegmentsMax = 1000

/**
 * Reads type, size and orientation from the header alone, so that nothing is decoded that should not be. Bytes are hostile
 * until proven otherwise: every read is checked, and the worst answer is a refusal.
 */
export function readHeader(picture: Uint8Array): PictureHeader {
  if (picture.length > imageBytesMax) {
    return refused("image_too_large", `${picture.length} bytes; at most ${imageBytesMax} are taken`)
  }
  if (startsWith(picture, 0, 0xff, 0xd8, 0xff)) return checked("jpeg", readJpeg(picture))
  if (startsWith(picture, 0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return checked("png", readPng(picture))
  if (hasText(picture, 0, "RIFF") && hasText(picture, 8, "WEBP")) return checked("webp", readWebp(picture))
  const other = nameOfOther(picture)
  if (other === undefined) return refused("bad_image", "the bytes are no JPEG, PNG or WebP picture")
  return refused("unsupported_media_type", `this is ${other}; send JPEG, PNG or WebP`)
}

/** Enough for the EXIF block with its thumbnail that may come before a JPEG's size. */
const claimedWithinBytes = 128 * 1024

/**
 * How many pixels a picture says it has, read from its first bytes alone: cheap enough for every request, and good for nothing but
 * guessing what it will cost. `undefined` when they do not say.
 */
export function claimedPx(picture: Uint8Array): number | undefined {
  const start = picture.subarray(0, claimedWithinBytes)
  const found = findSize(start)
  return typeof found === "string" || found === undefined ? undefined : found.width * found.height
}

function findSize(bytes: Uint8Array): Size | Flaw | undefined {
  if (startsWith(bytes, 0, 0xff, 0xd8, 0xff)) {
    const frame = findJpegFrame(bytes)
    return typeof frame === "string" ? frame : frame.size
  }
  if (startsWith(bytes, 0, 0x89, 0x50, 0x4e, 0x47)) return findPngSize(bytes)
  return hasText(bytes, 0, "RIFF") ? findWebpSize(bytes) : undefined
}

interface Size {
  readonly width: number
  readonly height: number
}

interface StoredSize extends Size {
  readonly orientation: Orientation
}

/** What is wrong with a header, in words. */
type Flaw = string

function checked(format: PictureFormat, found: StoredSize | Flaw): PictureHeader {
  if (typeof found === "string") return refused("bad_image", `${format.toUpperCase()}: ${found}`)
  const { width, height } = found
  if (width === 0 || height === 0) return refused("bad_image", `${format.toUpperCase()}: a picture without pixels`)
  if (isTooLarge(found)) {
    const bounds = `at most ${imagePxMax} are taken, and ${imageSidePxMax} along a side`
    return refused("image_too_large", `${width} × ${height} pixels; ${bounds}`)
  }
  return { kind: "ok", format, ...found }
}

function isTooLarge({ width, height }: Size): boolean {
  return width > imageSidePxMax || height > imageSidePxMax || width * height > imagePxMax
}

function readJpeg(bytes: Uint8Array): StoredSize | Flaw {
  const frame = findJpegFrame(bytes)
  if (typeof frame === "string") return frame
  const { marker, size, orientation } = frame
  return flawOfJpegData(bytes, marker, size) ?? { ...size, orientation }
}

interface JpegFrame {
  readonly marker: number
  readonly size: Size
  readonly orientation: Orientation
}

/** Walks the segments up to the frame header; an EXIF block comes before it. */
function findJpegFrame(bytes: Uint8Array): JpegFrame | Flaw {
  let orientation: Orientation = 1
  let at = 2
  for (let segments = 0; at + 4 <= bytes.length; segments++) {
    if (segments > jpegSegmentsMax) return `more than ${jpegSegmentsMax} segments before the frame header`
    if (bytes[at] !== 0xff) return "no marker where one belongs"
    const marker = bytes[at + 1] ?? 0
    // A marker may be preceded by any number of fill bytes, and a few stand alone without a length.
    if (marker === 0xff) at = endOfFill(bytes, at)
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2
    else {
      const length = u16(bytes, at + 2)
      if (length < 2) return "a segment shorter than its own length"
      if (isFrameHeader(marker)) {
        if (at + 9 > bytes.length) return "cut off in the frame header"
        return { marker, size: { height: u16(bytes, at + 5), width: u16(bytes, at + 7) }, orientation }
      }
      if (marker === 0xd9 || marker === 0xda) return "no frame header before the data"
      if (marker === 0xe1 && hasText(bytes, at + 4, "Exif\0\0")) {
        orientation = readExifOrientation(bytes.subarray(at + 10, at + 2 + length)) ?? orientation
      }
      at += 2 + length
    }
  }
  return "cut off before the frame header"
}

/** Of bytes that are all 0xff, the last: the marker's own. A hostile picture has millions of them. */
export function endOfFill(bytes: Uint8Array, from: number): number {
  let at = from
  while (bytes[at + 1] === 0xff) at += 1
  return at
}

/** SOF0–SOF15 without the three of that range that mean something else: DHT, JPG, DAC. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}

function isProgressive(marker: number): boolean {
  return marker === 0xc2 || marker === 0xc6 || marker === 0xca || marker === 0xce
}

/** Whether what follows the frame header can be what it promises. What is too large in any case is refused for its size. */
function flawOfJpegData(bytes: Uint8Array, marker: number, size: Size): Flaw | undefined {
  if (isTooLarge(size)) return undefined
  const px = size.width * size.height
  const scansMax = Math.min(jpegScansMax, Math.floor(jpegScannedPxMax / Math.max(1, px)))
  if (isProgressive(marker) && countScans(bytes, scansMax) > scansMax) return `more than ${scansMax} scans`
  // Arithmetic coding (SOF9 and above) has no such bound.
  const pxPerByteMax = isProgressive(marker) ? jpegPxPerByteMax.progressive : jpegPxPerByteMax.baseline
  return marker < 0xc8 && bytes.length < px / pxPerByteMax ? tooShort(size) : undefined
}

function tooShort({ width, height }: Size): Flaw {
  return `cut off: ${width} × ${height} pixels take more bytes than these`
}

/** Counts the scans (SOS) up to one above the bound. A thumbnail inside EXIF may add one or two; that does not matter. */
function countScans(bytes: Uint8Array, scansMax: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const startOfScan = Buffer.from([0xff, 0xda])
  let scans = 0
  for (let at = buffer.indexOf(startOfScan); at >= 0; at = buffer.indexOf(startOfScan, at + 2)) {
    scans += 1
    if (scans > scansMax) break
  }
  return scans
}

/** Tag 0x0112 of the first directory of a TIFF block; `undefined` when it is not there or makes no sense. */
function readExifOrientation(tiff: Uint8Array): Orientation | undefined {
  const little = hasText(tiff, 0, "II*\0")
  if (!little && !hasText(tiff, 0, "MM\0*")) return undefined
  const short = (at: number) => (little ? u16le(tiff, at) : u16(tiff, at))
  const long = (at: number) => (little ? short(at) + short(at + 2) * 65_536 : short(at) * 65_536 + short(at + 2))
  const directory = long(4)
  const entries = short(directory)
  for (let index = 0; index < entries; index++) {
    const entry = directory + 2 + index * 12
    if (entry + 12 > tiff.length) return undefined
    if (short(entry) === 0x0112) return toOrientation(short(entry + 8))
  }
  return undefined
}

function toOrientation(value: number): Orientation | undefined {
  return value >= 1 && value <= 8 ? (value as Orientation) : undefined
}

function readPng(bytes: Uint8Array): StoredSize | Flaw {
  const size = findPngSize(bytes)
  if (typeof size === "string") return size
  return (isTooLarge(size) ? undefined : flawOfPngData(bytes, size)) ?? { ...size, orientation: 1 }
}

/** It stands in the first chunk, which must be IHDR. */
function findPngSize(bytes: Uint8Array): Size | Flaw {
  if (bytes.length < 33) return "cut off in the header"
  if (!hasText(bytes, 12, "IHDR")) return "the first chunk is not IHDR"
  return { width: u32(bytes, 16), height: u32(bytes, 20) }
}

/** Whether there are as many bytes of pixels as the header promises, or could be: what is left over is inflated in vain. */
function flawOfPngData(bytes: Uint8Array, size: Size): Flaw | undefined {
  const bitsPerPx = (bytes[24] ?? 0) * (pngChannels[bytes[25] ?? 0] ?? 0)
  const pixelBytes = (size.width * size.height * bitsPerPx) / 8
  if (bytes.length < pixelBytes / deflateRatioMax) return tooShort(size)
  let chunks = 0
  let dataBytes = 0
  for (let at = 8; at + 12 <= bytes.length; at += 12 + u32(bytes, at)) {
    if (++chunks > chunksMax) return `more than ${chunksMax} chunks`
    if (hasText(bytes, at + 4, "IDAT")) dataBytes += u32(bytes, at)
  }
  // Data that does not shrink grows a little; each row has a byte more, each of an interlaced picture up to seven.
  const dataBytesMax = 1.01 * (pixelBytes + 7 * size.height) + 65_536
  return dataBytes > dataBytesMax ? `${dataBytes} bytes of data for ${size.width} × ${size.height} pixels` : undefined
}

/** By colour type: grey, –, colour, palette, grey with alpha, –, colour with alpha. */
const pngChannels = [1, 0, 3, 1, 2, 0, 4]

function readWebp(bytes: Uint8Array): StoredSize | Flaw {
  const size = findWebpSize(bytes)
  if (typeof size === "string") return size
  if (hasText(bytes, 12, "VP8X") && countWebpChunks(bytes) > chunksMax) return `more than ${chunksMax} chunks`
  return { ...size, orientation: 1 }
}

/** Three ways to begin: VP8X (extended), VP8L (lossless), VP8 (lossy). */
function findWebpSize(bytes: Uint8Array): Size | Flaw {
  if (bytes.length < 30) return "cut off in the header"
  if (hasText(bytes, 12, "VP8X")) return { width: 1 + u24le(bytes, 24), height: 1 + u24le(bytes, 27) }
  if (hasText(bytes, 12, "VP8L")) {
    if (bytes[20] !== 0x2f) return "no lossless signature"
    const [low, high] = [u16le(bytes, 21), u16le(bytes, 23)]
    return { width: 1 + (low & 0x3fff), height: 1 + ((low >> 14) | ((high & 0x0fff) << 2)) }
  }
  if (hasText(bytes, 12, "VP8 ")) {
    if (!startsWith(bytes, 23, 0x9d, 0x01, 0x2a)) return "no key frame"
    return { width: u16le(bytes, 26) & 0x3fff, height: u16le(bytes, 28) & 0x3fff }
  }
  return "unknown first chunk"
}

/** Up to one above the bound. */
function countWebpChunks(bytes: Uint8Array): number {
  let chunks = 0
  for (let at = 12; at + 8 <= bytes.length && chunks <= chunksMax; chunks++) {
    const length = u16le(bytes, at + 4) + u16le(bytes, at + 6) * 65_536
    at += 8 + length + (length % 2)
  }
  return chunks
}

/** Names for formats people send by mistake: the answer should say what arrived. */
function nameOfOther(bytes: Uint8Array): string | undefined {
  if (hasText(bytes, 4, "ftyp")) {
    if (hasText(bytes, 8, "avi")) return "AVIF"
    if (["heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"].some((brand) => hasText(bytes, 8, brand))) return "HEIF"
    return "an MP4 video"
  }
  const known: readonly (readonly [start: string, name: string])[] = [
    ["GIF8", "GIF"],
    ["II*\0", "TIFF"],
    ["MM\0*", "TIFF"],
    ["II+\0", "TIFF"],
    ["MM\0+", "TIFF"],
    ["BM", "BMP"],
    ["%PDF", "PDF"],
    ["8BPS", "a Photoshop file"],
    ["\x08\xf2\xa6\xb6", "a VIPS file"],
    ["\xb6\xa6\xf2\x08", "a VIPS file"],
    // Other makers' raw files are TIFF or MP4 inside, and named so.
    ["FUJIFILMCCD-RAW", "a raw file of a camera"],
    ["FOVb", "a raw file of a camera"],
    ["IIU\0", "a raw file of a camera"],
    ["IIRO", "a raw file of a camera"],
    ["MMOR", "a raw file of a camera"],
    ["RIFF", "a RIFF file (video or sound)"],
    ["PK\x03\x04", "a ZIP archive"],
    ["\0\0\x01\0", "an icon"],
    ["\0\0\0\fjP  ", "JPEG 2000"],
    ["\0\0\0\fJXL ", "JPEG XL"],
  ]
  for (const [start, name] of known) if (hasText(bytes, 0, start)) return name
  if (startsWith(bytes, 0, 0xff, 0x0a)) return "JPEG XL"
  if (startsWith(bytes, 0, 0xff, 0x4f, 0xff, 0x51)) return "JPEG 2000"
  const text = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart()
  if (text.startsWith("<")) return "SVG, HTML or another markup text"
  if (text.startsWith("{") || text.startsWith("[")) return "JSON"
  return undefined
}

function refused(reason: PictureRefusal, why: string): Refusal {
  return { kind: "refused", reason, why }
}

function startsWith(bytes: Uint8Array, at: number, ...expected: number[]): boolean {
  return expected.every((byte, index) => bytes[at + index] === byte)
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false
  return true
}

/** Beyond the end everything reads as zero: a wrong number at worst, never an exception. */
function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function u16le(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] ?? 0) << 8) | (bytes[at] ?? 0)
}

function u24le(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 2] ?? 0) << 16) | u16le(bytes, at)
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 65_536 + u16(bytes, at + 2)
}
