import { expect, test } from "bun:test"
import type { PixelScaling, Pixels } from "../../../app/face/pixels.ts"
import { cropInto } from "../../../app/inference/engine/crop.ts"
import { syntheticTensor } from "../../../app/inference/engine/golden.ts"
import { warpedByDefinition } from "../../face/support.ts"

const scaling: PixelScaling = { colour: "bgr", mean: [127.5, 100, 3], scale: [128, 1, 57] }
const picture: Pixels = { data: Uint8Array.from(syntheticTensor([90, 120, 3], 4, 0, 256)), width: 120, height: 90 }

test.each([
  ["smaller than the crop", { x: 40, y: 30, width: 9, height: 9 }],
  ["as large as the crop", { x: 20, y: 7, width: 24, height: 24 }],
  ["averaged, at a fraction of a pixel", { x: 10.3, y: 4.9, width: 77.7, height: 77.7 }],
  ["beyond the left and upper edge", { x: -20.5, y: -11, width: 60, height: 60 }],
  ["beyond the right and lower edge", { x: 70, y: 50.25, width: 130, height: 130 }],
  ["around the whole picture", { x: -300, y: -300, width: 700, height: 700 }],
  ["beside the picture", { x: 500, y: -400, width: 48, height: 48 }],
] as const)("a crop %s is the mean of what lies under each of its pixels", (_, square) => {
  const sizePx = 24
  const step = square.width / sizePx
  const cropped = new Float32Array(3 * sizePx ** 2 + 5).fill(7)
  cropInto(cropped, 5, sizePx, picture, square, scaling)
  const shift = (step - 1) / 2
  const bytes = warpedByDefinition(picture, { a: step, b: 0, tx: square.x + shift, ty: square.y + shift }, sizePx)
  for (const [at, value] of bytes.entries()) {
    const [channel, pixel] = [Math.floor(at / sizePx ** 2), at % sizePx ** 2]
    // Blue first, as the network wants it.
    const found = cropped[5 + (2 - channel) * sizePx ** 2 + pixel]! * scaling.scale[2 - channel]! + scaling.mean[2 - channel]!
    expect(Math.abs(found - value)).toBeLessThan(0.02)
  }
  expect(cropped.subarray(0, 5).every((value) => value === 7)).toBe(true)
})
