import { describe, expect, test } from "bun:test"
import { apply, fitSimilarity, invert, type Similarity, warpInto } from "../../app/face/align.ts"
import type { Landmarks, Point } from "../../app/face/geometry.ts"
import type { PixelScaling, Pixels } from "../../app/face/pixels.ts"

const face: Landmarks = [
  [38, 52],
  [74, 51],
  [56, 72],
  [41, 92],
  [71, 93],
]
const asBytes: PixelScaling = { colour: "rgb", mean: [0, 0, 0], scale: [1, 1, 1] }

describe("the fit", () => {
  test("finds the similarity a face was moved by", () => {
    const moved = similarityOf(27, 2.5, 310, -45)
    const found = fitSimilarity(face, mapped(face, moved))
    for (const part of ["a", "b", "tx", "ty"] as const) expect(found[part]).toBeCloseTo(moved[part], 9)
  })

  test("leaves the smallest squared distance when no similarity fits", () => {
    const squeezed = face.map(([x, y]) => [x * 0.6, y]) as unknown as Landmarks
    const found = fitSimilarity(squeezed, face)
    const least = squaredDistance(mapped(squeezed, found), face)
    for (const part of ["a", "b", "tx", "ty"] as const) {
      for (const step of [-0.001, 0.001]) {
        const other = { ...found, [part]: found[part] + step }
        expect(squaredDistance(mapped(squeezed, other), face)).toBeGreaterThan(least)
      }
    }
  })

  test("never mirrors", () => {
    const mirrored = face.map(([x, y]) => [112 - x, y]) as unknown as Landmarks
    const { a, b } = fitSimilarity(mirrored, face)
    expect(a * a + b * b).toBeGreaterThan(0)
    expect(squaredDistance(mapped(mirrored, fitSimilarity(mirrored, face)), face)).toBeGreaterThan(100)
  })

  test("there and back again is nowhere", () => {
    const there = similarityOf(-130, 0.3, 7, 1000)
    const back = invert(there)
    if (back === undefined) throw new Error("a similarity with a size can be undone")
    const [x, y] = apply(back, apply(there, [12.5, -7]))
    expect([x, y]).toEqual([expect.closeTo(12.5, 9), expect.closeTo(-7, 9)])
  })

  test.each([
    ["five points in one place", Array(5).fill([3, 3])],
    ["points that are no numbers", Array(5).fill([Number.NaN, 3])],
  ])("%s have no way back", (_, points) => {
    expect(invert(fitSimilarity(face, points as unknown as Landmarks))).toBeUndefined()
  })
})

describe("the crop", () => {
  test("of an unmoved picture is the picture", () => {
    const picture = pattern(40, 40)
    const crop = crop3(picture, { a: 1, b: 0, tx: 5, ty: 7 }, 16)
    for (let y = 0; y < 16; y++)
      for (let x = 0; x < 16; x++)
        for (let channel = 0; channel < 3; channel++)
          expect(crop[channel * 256 + y * 16 + x]).toBeCloseTo(picture.data[((y + 7) * 40 + x + 5) * 3 + channel]!, 4)
  })

  test.each([
    ["turned a quarter", 90, 1],
    ["turned 33° and twice as large", 33, 2],
    ["turned −140° and five times as large", -140, 5],
  ])("of a picture that is %s shows the same face", (_, angle, size) => {
    const upright = (x: number, y: number): Point => [x, y]
    const still = paint(400, 400, upright)
    const turn = similarityOf(angle, size, 0, 0)
    const [x, y] = apply(turn, [56, 56])
    const move = { ...turn, tx: 450 - x, ty: 450 - y }
    const back = invert(move)!
    const turned = paint(900, 900, (x, y) => apply(back, [x, y]))
    const from = fitSimilarity(face, face)
    const crop = crop3(still, invert(from)!, 112)
    const turnedCrop = crop3(turned, invert(fitSimilarity(mapped(face, move), face))!, 112)
    // Both are samples of one smooth picture: what differs is rounding to bytes and interpolation.
    for (let at = 0; at < crop.length; at++) expect(Math.abs(crop[at]! - turnedCrop[at]!)).toBeLessThan(4)
  })

  test("averages when a large face is shrunk: a chessboard of single pixels becomes grey", () => {
    const board = pixelsOf(600, 600, (x, y) => ((x + y) % 2 === 0 ? [255, 255, 255] : [0, 0, 0]))
    const crop = crop3(board, similarityOf(12, 5.3, 120, 60), 64)
    const inside = crop.subarray(64 * 32, 64 * 33)
    for (const value of inside) expect(Math.abs(value - 127.5)).toBeLessThan(16)
  })

  test("is black beyond the picture, and fades over half a pixel", () => {
    const white = pixelsOf(10, 10, () => [255, 255, 255])
    const crop = crop3(white, { a: 1, b: 0, tx: -4.5, ty: 0 }, 8)
    expect([...crop.subarray(0, 8)]).toEqual([0, 0, 0, 0, 127.5, 255, 255, 255])
    const far = crop3(white, { a: 1, b: 0, tx: 5000, ty: -1e9 }, 8)
    expect(far.every((value) => value === 0)).toBe(true)
  })

  test("puts colours where the network wants them, scaled", () => {
    const red = pixelsOf(8, 8, () => [200, 100, 50])
    const tensor = new Float32Array(3 * 4)
    const still = { a: 1, b: 0, tx: 2, ty: 2 }
    warpInto(tensor, 0, 2, red, still, { colour: "bgr", mean: [10, 20, 40], scale: [2, 4, 8] })
    expect([...tensor]).toEqual([20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20])
    warpInto(tensor, 0, 2, red, still, { colour: "rgb", mean: [0, 0, 0], scale: [1, 1, 1] })
    expect([...tensor]).toEqual([200, 200, 200, 200, 100, 100, 100, 100, 50, 50, 50, 50])
  })

  test("writes its own place in a batch and nothing else", () => {
    const tensor = new Float32Array(3 * 12).fill(-1)
    warpInto(
      tensor,
      12,
      2,
      pixelsOf(8, 8, () => [7, 7, 7]),
      { a: 1, b: 0, tx: 0, ty: 0 },
      asBytes,
    )
    expect([...tensor]).toEqual([...Array(12).fill(-1), ...Array(12).fill(7), ...Array(12).fill(-1)])
  })
})

function crop3(picture: Pixels, toPicture: Similarity, sizePx: number): Float32Array {
  const tensor = new Float32Array(3 * sizePx * sizePx)
  warpInto(tensor, 0, sizePx, picture, toPicture, asBytes)
  return tensor
}

function similarityOf(angle: number, size: number, tx: number, ty: number): Similarity {
  const radians = (angle * Math.PI) / 180
  return { a: size * Math.cos(radians), b: size * Math.sin(radians), tx, ty }
}

function mapped(points: Landmarks, by: Similarity): Landmarks {
  return points.map((point) => apply(by, point)) as unknown as Landmarks
}

function squaredDistance(a: Landmarks, b: Landmarks): number {
  return a.reduce((sum, [x, y], index) => sum + (x - b[index]![0]) ** 2 + (y - b[index]![1]) ** 2, 0)
}

function pattern(width: number, height: number): Pixels {
  return pixelsOf(width, height, (x, y) => [(x * 7) & 255, (y * 11) & 255, (x * y) & 255])
}

/** A smooth picture seen through `from`: waves of different length in each colour. */
function paint(width: number, height: number, from: (x: number, y: number) => Point): Pixels {
  return pixelsOf(width, height, (px, py) => {
    const [x, y] = from(px, py)
    const wave = (length: number, along: number) => 127 + 120 * Math.sin((along * 2 * Math.PI) / length)
    return [wave(61, x), wave(83, y), wave(97, x + y)]
  })
}

function pixelsOf(width: number, height: number, colour: (x: number, y: number) => readonly [number, number, number]): Pixels {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(colour(x, y).map(Math.round), (y * width + x) * 3)
  return { data, width, height }
}
