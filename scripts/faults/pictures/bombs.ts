import { crc32, deflateSync } from "node:zlib"
import sharp from "sharp"

/** A small file that asks for much: memory, time, or a decoder's patience. */
export interface Bomb {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /**
   * `header`: refused before anything is decoded, as too large. `refused`: not a picture that can be shown. `either`: taken or
   * refused, as the decoder finds it, but cheap.
   */
  readonly answer: "header" | "refused" | "either"
}

const imageBytesMax = 8 * 1024 * 1024

/** Promise S2: all of these cost less than 50 ms and 8 MB each. */
export async function pictureBombs(): Promise<Bomb[]> {
  const small = sharp({ create: { width: 64, height: 48, channels: 3, background: "#808080" } })
  const [jpeg, progressive, png, webp] = await Promise.all([
    small.clone().jpeg().toBuffer(),
    small.clone().jpeg({ progressive: true }).toBuffer(),
    small.clone().png().toBuffer(),
    small.clone().webp({ lossless: true }).toBuffer(),
  ])
  const zeros = (bytes: number) => deflateSync(new Uint8Array(bytes), { level: 9 })
  const text = (bytes: number) => Buffer.concat([Buffer.from("Comment\0\0"), zeros(bytes)])
  return [
    bomb("JPEG of 25,005,000 pixels", "header", jpegOf(5001, 5000)),
    bomb("JPEG of 65,535 × 65,535", "header", jpegOf(65_535, 65_535)),
    bomb("JPEG of 30,000 × 1", "header", jpegOf(30_000, 1)),
    bomb("JPEG of 1 × 30,000", "header", jpegOf(1, 30_000)),
    bomb("PNG of 30,000 × 1", "header", pngOf(30_000, 1, zeros(90_001))),
    bomb("PNG of 1 × 30,000", "header", pngOf(1, 30_000, zeros(120_000))),
    bomb("PNG of 7,000 × 7,000 in 143 kB", "header", pngOf(7000, 7000, zeros(7000 * 21_001))),
    bomb("PNG of 4,294,967,295 × 4,294,967,295", "header", pngOf(0xffff_ffff, 0xffff_ffff, zeros(1000))),
    bomb("WebP of 16,777,216 × 16,777,216", "header", webpOf("VP8X", [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    bomb("WebP of 16,384 × 16,384", "header", webpOf("VP8L", [0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0])),
    bomb("JPEG with 7.9 MB of EXIF", "either", withSegments(jpeg, 0xe1, "Exif\0\0", 7_900_000)),
    bomb("JPEG with 7.9 MB of profile", "either", withSegments(jpeg, 0xe2, "ICC_PROFILE\0", 7_900_000)),
    bomb("JPEG with 7.9 MB of comments", "either", withSegments(jpeg, 0xfe, "", 7_900_000)),
    bomb("JPEG of 1,900,000 empty segments", "refused", withEmptySegments(jpeg, 1_900_000)),
    bomb("JPEG of 8,000,000 fill bytes", "either", spliced(jpeg, 2, Buffer.alloc(8_000_000, 0xff))),
    bomb("progressive JPEG of 4,000 scans", "refused", withScans(progressive, 4000)),
    bomb("PNG with 7.9 MB of profile", "either", pngWith(png, "iCCP", Buffer.alloc(7_900_000, "profile\0\0"))),
    bomb(
      "PNG whose profile grows to 512 MB",
      "either",
      pngWith(png, "iCCP", Buffer.concat([Buffer.from("p\0\0"), zeros(512e6)])),
    ),
    bomb("PNG whose text grows to 512 MB", "either", pngWith(png, "zTXt", text(512e6))),
    bomb("PNG of 60 texts of 64 MB", "either", pngWith(png, "zTXt", text(64e6), 60)),
    bomb("PNG of 500,000 empty texts", "refused", pngWith(png, "tEXt", Buffer.alloc(4, "a\0"), 500_000)),
    bomb("PNG whose 10 × 10 pixels grow to 512 MB", "refused", pngOf(10, 10, zeros(512e6))),
    bomb("WebP with 7.9 MB of EXIF", "either", webpWith(webp, "EXIF", 7_900_000)),
    bomb("WebP with 7.9 MB of profile", "either", webpWith(webp, "ICCP", 7_900_000)),
    bomb("WebP of 900,000 empty chunks", "refused", webpOfChunks(webp, 900_000)),
  ]
}

function bomb(name: string, answer: Bomb["answer"], bytes: Uint8Array): Bomb {
  if (bytes.length > imageBytesMax) throw new Error(`${name} has ${bytes.length} bytes: its size alone would be refused`)
  return { name, answer, bytes: Uint8Array.from(bytes) }
}

/** A frame header of three components and the beginning of a scan. */
function jpegOf(width: number, height: number): Buffer {
  const frame = [
    0xff,
    0xc0,
    0,
    17,
    8,
    height >> 8,
    height & 255,
    width >> 8,
    width & 255,
    3,
    1,
    0x22,
    0,
    2,
    0x11,
    1,
    3,
    0x11,
    1,
  ]
  return Buffer.from([0xff, 0xd8, ...frame, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0, 0, 0, 0xff, 0xd9])
}

function withSegments(jpeg: Buffer, marker: number, head: string, bytes: number): Buffer {
  const body = Buffer.alloc(65_533)
  body.write(head, "latin1")
  const segment = Buffer.concat([Buffer.from([0xff, marker, 0xff, 0xff]), body])
  return spliced(jpeg, 2, Buffer.concat(Array(Math.floor(bytes / segment.length)).fill(segment)))
}

function withEmptySegments(jpeg: Buffer, count: number): Buffer {
  return spliced(jpeg, 2, Buffer.alloc(count * 4, Buffer.from([0xff, 0xe5, 0, 2])))
}

/** The last scan over and over. */
function withScans(jpeg: Buffer, count: number): Buffer {
  const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), jpeg.length - 2)
  return spliced(jpeg, jpeg.length - 2, Buffer.concat(Array(count).fill(scan)))
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

function pngOf(width: number, height: number, data: Uint8Array): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  return Buffer.concat([pngSignature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))])
}

/** With `times` chunks more behind the header, which has 13 bytes. */
function pngWith(png: Buffer, type: string, data: Uint8Array, times = 1): Buffer {
  return spliced(png, 33, Buffer.concat(Array(times).fill(chunk(type, data))))
}

function chunk(type: string, data: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, checksum])
}

function webpOf(type: string, data: readonly number[]): Buffer {
  return riff(riffChunk(type, Buffer.from(data)))
}

function riff(chunks: Buffer): Buffer {
  const head = Buffer.from("RIFF\0\0\0\0WEBP", "latin1")
  head.writeUInt32LE(chunks.length + 4, 4)
  return Buffer.concat([head, chunks])
}

function riffChunk(type: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.write(type, "latin1")
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)])
}

/** 64 × 48, extended, with `type` in front of or behind the pixels as the format wants it. */
function webpWith(webp: Buffer, type: "ICCP" | "EXIF", bytes: number): Buffer {
  const flags = type === "ICCP" ? 0x20 : 0x08
  const extended = riffChunk("VP8X", Buffer.from([flags, 0, 0, 0, 63, 0, 0, 47, 0, 0]))
  const pixels = webp.subarray(12)
  const more = riffChunk(type, Buffer.alloc(bytes))
  return riff(Buffer.concat(type === "ICCP" ? [extended, more, pixels] : [extended, pixels, more]))
}

function webpOfChunks(webp: Buffer, count: number): Buffer {
  const extended = riffChunk("VP8X", Buffer.from([0, 0, 0, 0, 63, 0, 0, 47, 0, 0]))
  return riff(
    Buffer.concat([extended, webp.subarray(12), Buffer.concat(Array(count).fill(riffChunk("ABCD", Buffer.alloc(0))))]),
  )
}

function spliced(bytes: Buffer, at: number, more: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)])
}
