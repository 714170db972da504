import { describe, expect, test } from "bun:test"
import sharp from "sharp"
import { createPictureDecoder } from "../../../app/inference/engine/decode.ts"
import { trimMetadata } from "../../../app/inference/engine/trim.ts"
import { createRandom } from "../../../scripts/bench/support/statistics.ts"
import { pictureBombs } from "../../../scripts/faults/pictures/bombs.ts"

const random = createRandom(7)
const noise = Uint8Array.from({ length: 90 * 60 * 4 }, () => random() * 256)
/** Too much to be left alone, and of a kind that does not shrink. */
const xmp = `<x>${noise.toBase64()}</x>`
const plain = sharp(noise, { raw: { width: 90, height: 60, channels: 4 } })
const withProfile = plain.clone().withMetadata({ orientation: 6 }).withIccProfile("p3")

test.each([
  ["jpeg", plain.clone().removeAlpha().jpeg()],
  ["jpeg", withProfile.clone().removeAlpha().jpeg({ progressive: true })],
  ["png", plain.clone().png()],
  ["png", withProfile.clone().png()],
  ["webp", plain.clone().webp()],
  ["webp", withProfile.clone().webp({ lossless: true })],
] as const)("an ordinary %s comes back as it is, uncopied", async (format, encoder) => {
  const picture = await encoder.toBuffer()
  expect(trimMetadata(picture, format)).toBe(picture)
})

test("orientation, transparency and profile stay when the rest goes", async () => {
  const decoder = createPictureDecoder()
  const read = async (picture: Uint8Array) => {
    const decoded = await decoder.decode(picture)
    if (decoded.kind !== "ok") throw new Error(decoded.why)
    const { width, height, data } = decoded.pixels
    return { width, height, pixels: Buffer.from(data.subarray(0, width * height * 3)) }
  }
  for (const format of ["png", "webp"] as const) {
    const bare = await withProfile.clone().toFormat(format, { lossless: true }).toBuffer()
    const told = await withProfile.clone().withXmp(xmp).toFormat(format, { lossless: true }).toBuffer()
    const trimmed = trimMetadata(told, format)
    expect(trimmed.length).toBeLessThan(told.length - 16_384)
    expect(await sharp(trimmed).metadata()).toMatchObject({ orientation: 6, hasAlpha: true, hasProfile: true })
    expect(await read(told)).toEqual(await read(bare))
  }
})

describe("a bomb of metadata is a small picture again", async () => {
  const bombs = (await pictureBombs()).filter(({ name }) => / (profile|text|texts|chunks|comments|EXIF|bytes)\b/.test(name))
  test.each(bombs.map((bomb) => [bomb.name, bomb] as const))("%s", (name, { bytes }) => {
    const format = name.split(" ", 1)[0]!.toLowerCase() as "jpeg" | "png" | "webp"
    const trimmed = trimMetadata(bytes, format)
    // A profile of half a megabyte may stay, however much it grows to: libvips was measured to stop reading in a millisecond.
    expect(trimmed.length).toBeLessThan(600_000)
  })
})

test("a WebP that was cut off is still refused", async () => {
  const whole = await plain.clone().withXmp(xmp).webp({ lossless: true }).toBuffer()
  const end = whole.lastIndexOf("XMP ")
  const cut = Buffer.concat([whole.subarray(0, end - 5000), whole.subarray(end)])
  expect(await createPictureDecoder().decode(cut)).toMatchObject({ kind: "refused", reason: "bad_image" })
})

test("lengths that point nowhere leave the picture as it is", () => {
  const nowhere = Buffer.alloc(64, 0xff)
  for (const format of ["jpeg", "png", "webp"] as const) {
    expect(trimMetadata(nowhere, format)).toBe(nowhere)
    expect(trimMetadata(nowhere.subarray(0, 3), format).length).toBe(3)
  }
})
