import { describe, expect, test } from "bun:test"
import { createLetterbox } from "../../../app/inference/engine/detectors/letterbox.ts"
import { cut } from "../../../app/inference/engine/resample.ts"
import { pixelsOf } from "../../face/support.ts"

const scaling = { colour: "rgb", mean: [10, 0, 0], scale: [2, 1, 1] } as const

describe("a picture in a network's input", () => {
  test("every value is the mean of its pixels, in the network's colours and scale, and around it is black", () => {
    const picture = pixelsOf(7, 5, (x, y) => [x * 10, y * 20, 100])
    const fill = createLetterbox({ colour: "bgr", mean: [100, 0, 5], scale: [1, 10, 2] }, 4)
    const { data, shape } = fill(picture, 2)
    expect(shape).toEqual([1, 3, 4, 4])
    const [blue, green, red] = [data.subarray(0, 16), data.subarray(16, 32), data.subarray(32, 48)]
    // Three columns and two rows of pairs; the seventh column and the fifth row are left out.
    expect([...blue]).toEqual([0, 0, 0, -100, 0, 0, 0, -100, ...Array(8).fill(-100)])
    expect([...green]).toEqual([1, 1, 1, 0, 5, 5, 5, 0, ...Array(8).fill(0)].map((value) => expect.closeTo(value, 5)))
    expect([...red]).toEqual([0, 10, 20, -2.5, 0, 10, 20, -2.5, ...Array(8).fill(-2.5)])
  })

  test.each([
    [1, 1],
    [2, 1],
    [3, 8],
    [4, 32],
    [5, 1],
  ])("by %d, in multiples of %d: every colour of every cell", (factor, multiplePx) => {
    // Several strips of different heights.
    const [width, height] = [1201, 430]
    const picture = pixelsOf(width, height, (x, y) => [(x * 7 + y) % 256, (x + y * 11) % 256, (x * y) % 256])
    const { data, shape } = createLetterbox(scaling, multiplePx)(picture, factor)
    const [columns, rows] = [Math.floor(width / factor), Math.floor(height / factor)]
    const [planeHeight = 0, planeWidth = 0] = shape.slice(2)
    expect([planeWidth, planeHeight]).toEqual([columns, rows].map((px) => Math.ceil(px / multiplePx) * multiplePx))
    const means = cut(picture, { x: 0, y: 0, width: columns * factor, height: rows * factor }, factor)
    let worst = 0
    for (let cell = 0; cell < planeWidth * planeHeight; cell++) {
      const [column, row] = [cell % planeWidth, Math.floor(cell / planeWidth)]
      const isInside = column < columns && row < rows
      for (const [channel, { mean, scale }] of [{ mean: 10, scale: 2 }, plain, plain].entries()) {
        const wanted = isInside ? means.data[3 * (row * columns + column) + channel]! : 0
        worst = Math.max(worst, Math.abs(data[channel * planeWidth * planeHeight + cell]! * scale + mean - wanted))
      }
    }
    // The picture of means holds whole numbers.
    expect(worst).toBeLessThanOrEqual(0.501)
  })

  test("pictures of other sizes leave nothing behind beside the next one", () => {
    const fill = createLetterbox(scaling, 32)
    const small = pixelsOf(33, 20, (x, y) => [x, y, 200])
    const alone = Float32Array.from(createLetterbox(scaling, 32)(small, 1).data)
    for (const [width, height] of [
      [64, 64],
      [300, 100],
      [3, 90],
      [64, 20],
    ] as const) {
      fill(
        pixelsOf(width, height, () => [255, 255, 255]),
        1,
      )
      expect(Float32Array.from(fill(small, 1).data)).toEqual(alone)
    }
  })

  test("a picture narrower than what the loop writes at a time is black beside its pixels", () => {
    const { data } = createLetterbox(scaling, 32)(
      pixelsOf(5, 4, () => [10, 20, 30]),
      2,
    )
    const wanted = Array.from({ length: 1024 }, (_, cell) => (cell % 32 < 2 && cell < 64 ? 20 : 0))
    expect(Array.from(data.subarray(1024, 2048), (value) => value + 0)).toEqual(wanted)
  })
})

const plain = { mean: 0, scale: 1 }
