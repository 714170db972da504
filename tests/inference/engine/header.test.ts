import { describe, expect, test } from "bun:test"
import sharp from "sharp"
import { claimedPx, imageBytesMax, readHeader } from "../../../app/inference/engine/header.ts"
import { pictureBombs } from "../../../scripts/faults/pictures/bombs.ts"

const plain = sharp({ create: { width: 321, height: 123, channels: 3, background: "#406080" } })

describe("the size is read from the header", () => {
  test.each([
    ["jpeg", plain.clone().jpeg()],
    ["jpeg", plain.clone().jpeg({ progressive: true, chromaSubsampling: "4:4:4" })],
    ["png", plain.clone().png()],
    ["png", plain.clone().png({ palette: true, progressive: true })],
    ["webp", plain.clone().webp()],
    ["webp", plain.clone().webp({ lossless: true })],
    ["webp", plain.clone().ensureAlpha(0.5).webp()],
  ] as const)("%s", async (format, encoder) => {
    const picture = await encoder.toBuffer()
    expect(readHeader(picture)).toEqual({ kind: "ok", format, width: 321, height: 123, orientation: 1 })
    expect(claimedPx(picture.subarray(0, 2000))).toBe(321 * 123)
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("orientation %i of a JPEG", async (orientation) => {
    const header = readHeader(await plain.clone().withMetadata({ orientation }).jpeg().toBuffer())
    expect(header).toEqual({ kind: "ok", format: "jpeg", width: 321, height: 123, orientation } as never)
  })

  test("orientation in big-endian EXIF, behind a comment and fill bytes", () => {
    const exif = [0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
    const app1 = [0xff, 0xe1, 0, 2 + 6 + exif.length, ...Buffer.from("Exif\0\0"), ...exif]
    const comment = [0xff, 0xfe, 0, 4, 0x68, 0x69]
    const header = readHeader(jpegOf([...comment, 0xff, 0xff, ...app1.slice(1), ...frame(0xc0, 20, 10)]))
    expect(header).toEqual({ kind: "ok", format: "jpeg", width: 20, height: 10, orientation: 6 })
  })
})

test("a size that the first bytes do not tell is not claimed", async () => {
  const whole = await plain.clone().jpeg().toBuffer()
  for (const start of [whole.subarray(0, 20), Buffer.from("GIF89a"), new Uint8Array(0)])
    expect(claimedPx(start)).toBeUndefined()
})

describe("what is too large is refused before it is decoded", () => {
  test.each([
    ["more than 25 megapixels", jpegOf(frame(0xc0, 5001, 5000))],
    ["a side above 16,384", jpegOf(frame(0xc0, 16_385, 1))],
    ["a PNG that claims four thousand million pixels", pngOf(65_535, 65_535)],
    ["a PNG whose size does not fit 31 bits", pngOf(0xffff_ffff, 0xffff_ffff)],
  ])("%s", (_, picture) => {
    expect(readHeader(picture)).toMatchObject({ kind: "refused", reason: "image_too_large" })
  })

  test("exactly 25 megapixels pass", () => {
    expect(readHeader(withData(jpegOf(frame(0xc0, 5000, 5000)), 100_000))).toMatchObject({
      kind: "ok",
      width: 5000,
      height: 5000,
    })
  })

  test("one byte above the bound", () => {
    const picture = new Uint8Array(imageBytesMax + 1)
    picture.set(jpegOf(frame(0xc0, 10, 10)))
    expect(readHeader(picture)).toMatchObject({ kind: "refused", reason: "image_too_large" })
    expect(readHeader(picture.subarray(1))).toMatchObject({ kind: "refused", reason: "bad_image" })
  })
})

describe("other formats are named", () => {
  test.each([
    ["GIF", Buffer.from("GIF89a\x01\0\x01\0")],
    ["TIFF", Buffer.from("II*\0\x08\0\0\0")],
    ["TIFF", Buffer.from("MM\0*\0\0\0\x08")],
    ["BMP", Buffer.from("BM\x36\0\0\0")],
    ["PDF", Buffer.from("%PDF-1.7")],
    ["HEIF", Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic")],
    ["AVIF", Buffer.from("\0\0\0\x1cftypavif\0\0\0\0")],
    ["SVG", Buffer.from('\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ["JSON", Buffer.from('{"image":"…"}')],
    ["JPEG XL", Buffer.from([0xff, 0x0a, 0, 0])],
    ["VIPS", Buffer.from([0x08, 0xf2, 0xa6, 0xb6, 0, 0])],
    ["raw", Buffer.from("FUJIFILMCCD-RAW 0201")],
  ])("%s", (name, bytes) => {
    const header = readHeader(bytes)
    expect(header).toMatchObject({ kind: "refused", reason: "unsupported_media_type" })
    expect(header).toHaveProperty("why", expect.stringContaining(name))
  })
})

describe("what is no picture is bad", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from([0xff])],
    ["zeros", Buffer.alloc(1000)],
    ["a JPEG that ends after its first bytes", Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    ["a JPEG whose data begins without a frame header", jpegOf([0xff, 0xda, 0, 2])],
    ["a JPEG cut off in the frame header", jpegOf(frame(0xc0, 10, 10).slice(0, 6))],
    ["a JPEG with a segment shorter than its length field", jpegOf([0xff, 0xe0, 0, 1, 0, 0])],
    ["a JPEG with text between its segments", jpegOf([0x41, 0x42, 0x43, 0x44])],
    ["a JPEG without rows", jpegOf(frame(0xc0, 10, 0))],
    ["a progressive JPEG of a thousand scans", jpegOf([...frame(0xc2, 10, 10), ...Array(1000).fill([0xff, 0xda]).flat()])],
    ["a JPEG of a thousand empty segments", jpegOf([...Array(1001).fill([0xff, 0xe5, 0, 2]).flat(), ...frame(0xc0, 10, 10)])],
    ["a PNG that ends after its signature", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
    ["a PNG without columns", pngOf(0, 7)],
    ["a WebP with an unknown chunk", Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBPABCD"), Buffer.alloc(20)])],
  ])("%s", (_, picture) => {
    expect(readHeader(picture)).toMatchObject({ kind: "refused", reason: "bad_image" })
  })
})

test("the larger a progressive JPEG, the fewer scans it may have", () => {
  const scans = (count: number) => Array(count).fill([0xff, 0xda]).flat()
  const read = (side: number, count: number) =>
    readHeader(withData(jpegOf([...frame(0xc2, side, side), ...scans(count - 1)]), 50_000)).kind
  expect([read(5000, 20), read(5000, 21), read(1000, 100), read(1000, 101)]).toEqual(["ok", "refused", "ok", "refused"])
})

describe("what is too short for its pixels was cut off", () => {
  // The plainest picture there is takes the fewest bytes: none that is whole may be refused.
  test.each([
    ["JPEG", plain.clone().grayscale().jpeg({ quality: 1 })],
    ["progressive JPEG", plain.clone().grayscale().jpeg({ quality: 1, progressive: true })],
    ["PNG", plain.clone().png({ compressionLevel: 9 })],
    ["interlaced PNG of 1 bit", plain.clone().png({ palette: true, colours: 2, progressive: true })],
    ["PNG of 16 bits and alpha", plain.clone().ensureAlpha(0.5).toColourspace("rgb16").png()],
    ["WebP", plain.clone().webp({ lossless: true })],
  ] as const)("%s of 9 megapixels and one colour", async (_, encoder) => {
    const whole = await encoder.resize(3000, 3000).toBuffer()
    expect(readHeader(whole)).toMatchObject({ kind: "ok", width: 3000, height: 3000 })
    if (whole[0] !== 0x52) expect(readHeader(whole.subarray(0, 1000))).toMatchObject({ kind: "refused", reason: "bad_image" })
  })
})

test.each([
  ["as it is", plain.clone().png({ compressionLevel: 0, adaptiveFiltering: true })],
  ["interlaced, of 1 bit", plain.clone().png({ compressionLevel: 0, palette: true, colours: 2, progressive: true })],
  [
    "of 16 bits with alpha",
    plain.clone().ensureAlpha(0.5).toColourspace("rgb16").png({ compressionLevel: 0, progressive: true }),
  ],
] as const)("a PNG that was not compressed at all, %s, has no byte too many", async (_, encoder) => {
  const picture = await encoder.resize(1000, 700).toBuffer()
  expect(readHeader(picture)).toMatchObject({ kind: "ok", width: 1000, height: 700 })
})

describe("a bomb is refused before anything is decoded", async () => {
  const bombs = (await pictureBombs()).filter(({ answer }) => answer !== "either")
  test.each(bombs.map((bomb) => [bomb.name, bomb] as const))("%s", (_, { bytes, answer }) => {
    const reason = answer === "header" ? "image_too_large" : "bad_image"
    expect(readHeader(bytes)).toMatchObject({ kind: "refused", reason })
  })
})

test("ten thousand damaged headers: an answer each time, and never a size beyond the bounds", async () => {
  const seeds = await Promise.all([
    plain.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    plain.clone().jpeg({ progressive: true }).toBuffer(),
    plain.clone().png().toBuffer(),
    plain.clone().webp().toBuffer(),
    plain.clone().webp({ lossless: true }).toBuffer(),
    plain.clone().ensureAlpha(0.5).webp().toBuffer(),
  ])
  const random = randomFrom(20_240_607)
  for (let round = 0; round < 10_000; round++) {
    const seed = seeds[round % seeds.length]!
    const bytes = Uint8Array.from(seed.subarray(0, random() < 0.3 ? Math.floor(random() * seed.length) : seed.length))
    const hits = 1 + Math.floor(random() * 8)
    // The first bytes decide the path; damage behind them goes deeper.
    for (let hit = 0; hit < hits; hit++) {
      const at = (random() < 0.1 ? 0 : 3) + Math.floor(random() * Math.min(400, bytes.length))
      if (at < bytes.length) bytes[at] = random() < 0.3 ? 0xff : Math.floor(random() * 256)
    }
    const header = readHeader(bytes)
    if (header.kind === "refused") expect(header.why.length).toBeGreaterThan(0)
    else {
      expect(header.width * header.height).toBeWithin(1, 25_000_001)
      expect(header.orientation).toBeWithin(1, 9)
    }
  }
})

function jpegOf(segments: readonly number[]): Uint8Array {
  return Uint8Array.from([0xff, 0xd8, ...segments])
}

function withData(picture: Uint8Array, bytes: number): Uint8Array {
  return Buffer.concat([picture, Buffer.alloc(bytes)])
}

/** A frame header of three components, and the first bytes of a scan. */
function frame(marker: number, width: number, height: number): number[] {
  const components = [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]
  return [0xff, marker, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3, ...components, 0xff, 0xda, 0, 2]
}

function pngOf(width: number, height: number): Uint8Array {
  const bytes = Buffer.alloc(64)
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(height, 20)
  return bytes
}

/** The same damage on every run. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 2 ** 24
  }
}
