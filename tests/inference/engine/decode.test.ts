import { describe, expect, test } from "bun:test"
import sharp, { type Sharp } from "sharp"
import type { Pixels } from "../../../app/face/pixels.ts"
import { createPictureDecoder, turnUpright } from "../../../app/inference/engine/decode.ts"
import type { Orientation } from "../../../app/inference/engine/header.ts"

const orientations = [1, 2, 3, 4, 5, 6, 7, 8] as const

/** What a camera held that way stores: EXIF's definition of each orientation, undone, by another implementation. */
const storedAs: Record<Orientation, (upright: Sharp) => Sharp> = {
  1: (upright) => upright,
  2: (upright) => upright.flop(),
  3: (upright) => upright.rotate(180),
  4: (upright) => upright.flip(),
  5: (upright) => upright.rotate(270).flop(),
  6: (upright) => upright.rotate(270),
  7: (upright) => upright.rotate(90).flop(),
  8: (upright) => upright.rotate(90),
}

describe("a picture comes out upright", () => {
  // 4:4:4 and blocks of eight make the JPEG of a turned picture hold the same blocks, turned.
  test.each(orientations)("JPEG of orientation %i", async (orientation) => {
    const stored = await storedAs[orientation](sharp(await quartersPng(64, 48)))
      .png()
      .toBuffer()
    const jpeg = await sharp(stored).withMetadata({ orientation }).jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer()
    const decoded = await decode(jpeg)
    expect([decoded.width, decoded.height]).toEqual([64, 48])
    expect(largestDifference(decoded, await decode(await quartersPng(64, 48)))).toBeLessThanOrEqual(4)
  })

  test.each(orientations)("%i: every pixel at its place", async (orientation) => {
    const upright = { data: Uint8Array.from({ length: 7 * 5 * 3 }, (_, index) => index * 2), width: 7, height: 5 }
    const input = sharp(upright.data, { raw: { width: 7, height: 5, channels: 3 } })
    const { data, info } = await storedAs[orientation](input).raw().toBuffer({ resolveWithObject: true })
    const turned = turnUpright({ data, width: info.width, height: info.height }, orientation, new Uint8Array(200))
    expect({ ...turned, data: turned.data.slice(0, 105) }).toEqual(upright)
  })

  test.each(["png", "webp"] as const)("%s with an orientation", async (format) => {
    const stored = sharp(await quartersPng(64, 48)).rotate(270)
    const picture = await stored.withMetadata({ orientation: 6 }).toFormat(format, { lossless: true }).toBuffer()
    expect(largestDifference(await decode(picture), await decode(await quartersPng(64, 48)))).toBeLessThanOrEqual(1)
  })
})

describe("red is the first value", () => {
  const red = sharp({ create: { width: 32, height: 32, channels: 3, background: "#f01020" } })
  test.each([
    ["JPEG", red.clone().jpeg({ quality: 100 })],
    ["progressive JPEG", red.clone().jpeg({ quality: 100, progressive: true })],
    ["PNG", red.clone().png()],
    ["palette PNG", red.clone().png({ palette: true })],
    ["PNG of 16 bits", red.clone().toColourspace("rgb16").png()],
    ["WebP", red.clone().webp({ lossless: true })],
    ["CMYK JPEG", red.clone().toColourspace("cmyk").jpeg({ quality: 100 })],
  ])("%s", async (name, encoder) => {
    const { data } = await decode(await encoder.toBuffer())
    // Ink has fewer colours than light.
    const tolerance = name.startsWith("CMYK") ? 40 : 3
    for (const [index, value] of [0xf0, 0x10, 0x20].entries()) expect(Math.abs(data[index]! - value)).toBeLessThan(tolerance)
  })
})

test.each(["jpeg", "png", "webp"] as const)("a grey %s has three equal values", async (format) => {
  const grey = await sharp({ create: { width: 16, height: 16, channels: 3, background: "#777777" } })
    .toColourspace("b-w")
    .toFormat(format, { quality: 100 })
    .toBuffer()
  const { data, width, height } = await decode(grey)
  expect([width, height]).toEqual([16, 16])
  for (const value of data.subarray(0, 16 * 16 * 3)) expect(Math.abs(value - 0x77)).toBeLessThanOrEqual(1)
})

test.each(["png", "webp"] as const)("what is transparent in a %s is white, whatever colour lies under it", async (format) => {
  const glass = sharp({ create: { width: 8, height: 8, channels: 4, background: { r: 10, g: 200, b: 30, alpha: 0 } } })
  const { data } = await decode(await glass.toFormat(format, { lossless: true }).toBuffer())
  expect(data.slice(0, 8 * 8 * 3).every((value) => value === 255)).toBe(true)
})

test("a small picture after a large one has only its own pixels", async () => {
  const decoder = createPictureDecoder()
  const solid = (side: number, background: string) =>
    sharp({ create: { width: side, height: side, channels: 3, background } })
      .jpeg()
      .toBuffer()
  await decoder.decode(await solid(256, "#ffffff"))
  const decoded = await decoder.decode(await solid(32, "#000000"))
  if (decoded.kind !== "ok") throw new Error(decoded.why)
  expect([decoded.pixels.width, decoded.pixels.height]).toEqual([32, 32])
  expect(Math.max(...decoded.pixels.data.subarray(0, 32 * 32 * 3))).toBeLessThan(3)
})

describe("a damaged picture is refused, not half shown", () => {
  const noise = Uint8Array.from({ length: 200 * 200 * 3 }, (_, index) => (index * index * 31) & 255)
  const picture = sharp(noise, { raw: { width: 200, height: 200, channels: 3 } })
  test.each([
    ["JPEG", picture.clone().jpeg()],
    ["progressive JPEG", picture.clone().jpeg({ progressive: true })],
    ["PNG", picture.clone().png()],
    ["WebP", picture.clone().webp()],
  ])("%s cut in the middle", async (_, encoder) => {
    const whole = await encoder.toBuffer()
    const refusal = await createPictureDecoder().decode(whole.subarray(0, whole.length / 2))
    expect(refusal).toMatchObject({ kind: "refused", reason: "bad_image" })
  })

  test("a JPEG with stray bytes between two segments is taken, as every viewer does", async () => {
    const whole = await picture.clone().jpeg().toBuffer()
    const scan = whole.indexOf(Buffer.from([0xff, 0xda]))
    const stray = Buffer.concat([whole.subarray(0, scan), Buffer.from([0x01, 0x02, 0x03]), whole.subarray(scan)])
    expect(await createPictureDecoder().decode(stray)).toMatchObject({ kind: "ok" })
  })

  test("five hundred damaged bodies: an answer each time", async () => {
    const decoder = createPictureDecoder()
    const small = picture.clone().resize(48, 48)
    const seeds = await Promise.all([
      small.clone().jpeg().toBuffer(),
      small.clone().png().toBuffer(),
      small.clone().webp().toBuffer(),
    ])
    for (let round = 0; round < 500; round++) {
      const bytes = Uint8Array.from(seeds[round % seeds.length]!)
      for (let hit = 0; hit < 4; hit++) bytes[(round * 7919 + hit * 104_729) % bytes.length] = (round * 31 + hit * 57) & 255
      const decoded = await decoder.decode(bytes)
      expect(["ok", "refused"]).toContain(decoded.kind)
    }
  })
})

/** Four quarters of different colour: no turn or mirror image of it looks like another. */
async function quartersPng(width: number, height: number): Promise<Buffer> {
  const quarter = (background: string) =>
    ({ create: { width: width / 2, height: height / 2, channels: 3, background } }) as const
  return sharp({ create: { width, height, channels: 3, background: "#203040" } })
    .composite([
      { input: quarter("#e02020"), left: width / 2, top: 0 },
      { input: quarter("#20c020"), left: 0, top: height / 2 },
    ])
    .png()
    .toBuffer()
}

async function decode(picture: Uint8Array): Promise<Pixels> {
  const decoded = await createPictureDecoder().decode(picture)
  if (decoded.kind === "refused") throw new Error(decoded.why)
  return decoded.pixels
}

function largestDifference(a: Pixels, b: Pixels): number {
  let largest = 0
  for (let at = 0; at < a.width * a.height * 3; at++) largest = Math.max(largest, Math.abs(a.data[at]! - b.data[at]!))
  return largest
}
