import { describe, expect, test } from "bun:test"
import sharp from "sharp"
import type { Landmarks } from "../../../app/face/geometry.ts"
import type { Pixels } from "../../../app/face/pixels.ts"
import { chipOf, snapshotOf } from "../../../app/inference/engine/pictures.ts"

/** Dark, with a bright square about each point. */
function dotted(width: number, height: number, points: Landmarks, radiusPx = 2): Pixels {
  const data = new Uint8Array(width * height * 3).fill(20)
  for (const [px, py] of points)
    for (let y = py - radiusPx; y < py + radiusPx; y++)
      for (let x = px - radiusPx; x < px + radiusPx; x++) data.fill(255, (y * width + x) * 3, (y * width + x) * 3 + 3)
  return { data, width, height }
}

function faceAt(x: number, y: number, width: number, height: number) {
  const at = (right: number, down: number) => [Math.round(x + right * width), Math.round(y + down * height)] as const
  const landmarks: Landmarks = [at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)]
  return { box: { x, y, width, height }, landmarks }
}

/** Brightness at a point of a JPEG, 0 to 255. */
async function brightnessAt(jpeg: Uint8Array, [x, y]: readonly [number, number]): Promise<number> {
  const { data, info } = await sharp(jpeg).greyscale().raw().toBuffer({ resolveWithObject: true })
  return data[Math.floor(y) * info.width * info.channels + Math.floor(x) * info.channels] ?? 0
}

const sizeOf = async (jpeg: Uint8Array) => {
  const { width, height, format } = await sharp(jpeg).metadata()
  return { width, height, format }
}

describe("the picture of the whole frame", () => {
  test.each([
    ["half of it is enough", 1920, 1080, 960, { width: 960, height: 540 }],
    ["between two whole factors it is the smaller one", 1920, 1080, 1280, { width: 960, height: 540 }],
    ["one that lies within stays as it is", 640, 480, 960, { width: 640, height: 480 }],
    ["upright ones are measured along their height", 1080, 1920, 640, { width: 360, height: 640 }],
  ] as const)("%s", async (_what, width, height, longestSidePx, size) => {
    const jpeg = snapshotOf(
      { data: new Uint8Array(width * height * 3).fill(90), width, height },
      { longestSidePx, quality: 80 },
    )
    expect(await sizeOf(jpeg)).toEqual({ ...size, format: "jpeg" })
    expect(await brightnessAt(jpeg, [size.width / 2, size.height / 2])).toBeWithin(88, 93)
  })

  test("colours stay what they are, and quality is what is asked for", async () => {
    const data = new Uint8Array(200 * 100 * 3)
    for (let at = 0; at < data.length; at += 3) data.set(at % 600 < 300 ? [220, 30, 40] : [20, 60, 210], at)
    const picture = { data, width: 200, height: 100 }
    const jpeg = snapshotOf(picture, { longestSidePx: 200, quality: 90 })
    const { data: pixels } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true })
    const at = (x: number, y: number) => [...pixels.subarray((y * 200 + x) * 3, (y * 200 + x) * 3 + 3)]
    for (const [found, wanted] of [
      [at(30, 50), [220, 30, 40]],
      [at(170, 50), [20, 60, 210]],
    ] as const)
      for (const [channel, value] of wanted.entries()) expect(found[channel]).toBeWithin(value - 8, value + 9)
    const noise = { data: crypto.getRandomValues(new Uint8Array(60_000)), width: 200, height: 100 }
    const bytes = (quality: number) => snapshotOf(noise, { longestSidePx: 200, quality }).length
    expect(bytes(40)).toBeLessThan(bytes(90) / 2)
  })
})

describe("the chip of a face", () => {
  test.each([
    ["a face in the middle", 1920, 1080, faceAt(1000, 400, 100, 130), { width: 197, height: 256 }],
    ["a small one is not enlarged", 1920, 1080, faceAt(1000, 400, 40, 60), { width: 80, height: 120 }],
    ["at an edge it ends with the picture", 640, 480, faceAt(0, 0, 80, 100), { width: 120, height: 150 }],
    ["one that fills the picture", 1920, 1080, faceAt(500, 0, 900, 1080), { width: 256, height: 154 }],
  ] as const)("%s: its landmarks are where its features are", async (_what, width, height, face, size) => {
    const chip = chipOf(dotted(width, height, face.landmarks, Math.ceil(face.box.width / 50)), face)
    expect(await sizeOf(chip.jpeg)).toEqual({ ...chip.size, format: "jpeg" })
    expect(Math.abs(chip.size.width - size.width)).toBeLessThanOrEqual(1)
    expect(Math.abs(chip.size.height - size.height)).toBeLessThanOrEqual(1)
    const brightness = await Promise.all(chip.landmarks.map((point) => brightnessAt(chip.jpeg, point)))
    for (const value of brightness) expect(value).toBeGreaterThan(100)
    expect(await brightnessAt(chip.jpeg, [1, 1])).toBeLessThan(30)
  })

  test("a face beyond the corner, or of no size, gives a picture all the same", async () => {
    const picture = dotted(100, 80, faceAt(30, 30, 20, 20).landmarks)
    for (const box of [
      { x: 99.5, y: 79.5, width: 0.2, height: 0.2 },
      { x: 100, y: 80, width: 0, height: 0 },
      { x: -20, y: 10, width: 0, height: 40 },
    ])
      expect((await sizeOf(chipOf(picture, { ...faceAt(0, 0, 10, 10), box }).jpeg)).format).toBe("jpeg")
  })
})
