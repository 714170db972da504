import { describe, expect, test } from "bun:test"
import { suppress } from "../../../app/inference/engine/detectors/overlap.ts"
import { zoomFor } from "../../../app/inference/engine/detectors/zoom.ts"
import { syntheticTensor } from "../../../app/inference/engine/golden.ts"
import { cut, quarter, resizeNear } from "../../../app/inference/engine/resample.ts"
import { pixelsOf } from "../../face/support.ts"

describe("every resize keeps a slope a slope, and every colour its place", () => {
  const slope = pixelsOf(80, 60, (x, y) => [x * 3, y * 4, 255 - x * 2])
  test.each([
    ["near", resizeNear(slope, 57, 43), 57, 43],
    ["near, enlarged", resizeNear(slope, 160, 120), 160, 120],
    ["by a whole factor", cut(slope, { x: 0, y: 0, width: 80, height: 60 }, 4), 20, 15],
  ])("%s", (_, resized, width, height) => {
    expect([resized.width, resized.height, resized.data.length]).toEqual([width, height, width * height * 3])
    const edge = Math.ceil(width / 40)
    for (let y = edge; y < height - edge; y++) {
      for (let x = edge; x < width - edge; x++) {
        const at = (y * width + x) * 3
        const [fromX, fromY] = [((x + 0.5) * 80) / width - 0.5, ((y + 0.5) * 60) / height - 0.5]
        for (const [channel, value] of [fromX * 3, fromY * 4, 255 - fromX * 2].entries()) {
          expect(Math.abs(resized.data[at + channel]! - value)).toBeLessThan(1.6)
        }
      }
    }
  })
})

describe("a quarter of a picture is the mean of 4 × 4 pixels", () => {
  const noise = syntheticTensor([45 * 66 * 3], 6, 0, 256)
  const whole = (width: number, height: number) => ({ x: 0, y: 0, width, height })
  test.each([
    ["in words of four bytes", 64, 45, 0],
    ["with rows that begin within a word", 66, 45, 0],
    ["in a buffer that begins within a word", 64, 45, 1],
    ["all white", 64, 8, 0],
  ])("%s", (name, width, height, offset) => {
    const bytes = new Uint8Array(width * height * 3 + offset).fill(255)
    if (name !== "all white") for (const [at, value] of noise.entries()) bytes[at + offset] = value
    const picture = { data: bytes.subarray(offset), width, height }
    expect(quarter(picture)).toEqual(cut(picture, whole(width, height), 4))
  })
})

describe("how much YuNet shrinks a picture", () => {
  test.each([
    ["a camera at the usual smallest face", 1920, 1080, 48, { shrink: 2, enlarge: 1 }],
    ["a camera asked for large faces only", 1920, 1080, 120, { shrink: 6, enlarge: 1 }],
    ["a small picture is not shrunk: it costs little as it is", 250, 250, 48, { shrink: 1, enlarge: 1 }],
    ["a small picture asked for tiny faces is enlarged", 400, 300, 12, { shrink: 1, enlarge: 2 }],
    ["a camera asked for tiny faces is not", 1920, 1080, 12, { shrink: 1, enlarge: 1 }],
    ["no picture takes more than four megapixels", 5000, 5000, 12, { shrink: 3, enlarge: 1 }],
  ] as const)("%s", (_, width, height, faceWidthPxMin, zoom) => {
    const picture = { data: new Uint8Array(0), width, height }
    expect(zoomFor(picture, { faceWidthPxMin, input: "full" }, 20)).toEqual(zoom)
    const half = zoom.enlarge === 2 ? { shrink: 1, enlarge: 1 } : { shrink: 2 * zoom.shrink, enlarge: 1 }
    expect(zoomFor(picture, { faceWidthPxMin, input: "small" }, 20)).toEqual(half as typeof zoom)
  })
})

describe("of boxes that overlap the best stays", () => {
  const box = (x: number, width: number, score: number) => ({ box: { x, y: 0, width, height: 10 }, score })
  const scores = (found: readonly { score: number }[]) => found.map(({ score }) => score)

  test("by the area of both", () => {
    const found = [box(0, 10, 0.7), box(2, 10, 0.9), box(30, 10, 0.8), box(9, 10, 0.6)]
    expect(scores(suppress(found, 0.5, "union"))).toEqual([0.9, 0.8, 0.6])
  })

  test("by the smaller one: a box inside another goes", () => {
    const found = [box(0, 40, 0.9), box(5, 8, 0.8)]
    expect(scores(suppress(found, 0.5, "union"))).toEqual([0.9, 0.8])
    expect(scores(suppress(found, 0.5, "smaller"))).toEqual([0.9])
  })
})
