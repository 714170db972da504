import { describe, expect, test } from "bun:test"
import { apply, fitSimilarity, invert, type Similarity } from "../../app/face/align.ts"
import type { Point } from "../../app/face/geometry.ts"
import type { PixelScaling, Pixels } from "../../app/face/pixels.ts"
import { warpInto } from "../../app/face/warp.ts"
import { syntheticTensor } from "../../app/inference/engine/golden.ts"
import { face, mapped, pixelsOf, similarityOf, warpedByDefinition } from "./support.ts"

const asBytes: PixelScaling = { colour: "rgb", mean: [0, 0, 0], scale: [1, 1, 1] }

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

  test.each([
    ["inside", 1.9, 8, { x: 30, y: 25 }],
    ["averaged", 4.3, -33, { x: 60, y: 45 }],
    ["over the left and upper edge", 1.1, 120, { x: 2, y: 1 }],
    ["over the right and lower edge", 2.6, -75, { x: 118, y: 88 }],
    ["larger than the picture", 9, 17, { x: 60, y: 45 }],
  ])("%s holds what the definition says", (_, size, angle, middle) => {
    const picture = noise(120, 90)
    const turn = similarityOf(angle, size, 0, 0)
    const [x, y] = apply(turn, [11.5, 11.5])
    const move = { ...turn, tx: middle.x - x, ty: middle.y - y }
    const crop = crop3(picture, move, 24)
    const slow = warpedByDefinition(picture, move, 24)
    // The weights of neighbours have fourteen bits.
    for (let at = 0; at < crop.length; at++) expect(Math.abs(crop[at]! - slow[at]!)).toBeLessThan(0.02)
  })

  test("of a face as large as a picture of many megapixels leaves the small ones as they are", () => {
    const small = pattern(40, 40)
    const still = { a: 1, b: 0, tx: 5, ty: 7 }
    const before = crop3(small, still, 16)
    const white = { data: new Uint8Array(2000 * 1500 * 3).fill(255), width: 2000, height: 1500 }
    expect(crop3(white, { a: 100, b: 0, tx: 200, ty: 200 }, 12).every((value) => value === 255)).toBe(true)
    expect(crop3(small, still, 16)).toEqual(before)
  })
})

function crop3(picture: Pixels, toPicture: Similarity, sizePx: number): Float32Array {
  const tensor = new Float32Array(3 * sizePx * sizePx)
  warpInto(tensor, 0, sizePx, picture, toPicture, asBytes)
  return tensor
}

function noise(width: number, height: number): Pixels {
  return { data: Uint8Array.from(syntheticTensor([height, width, 3], 9, 0, 256)), width, height }
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
