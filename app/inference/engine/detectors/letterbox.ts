import { assert } from "../../../base/assert.ts"
import { type PixelScaling, type Pixels, planesOf } from "../../../face/pixels.ts"
import { openBench, putScaling, scalingBytes } from "../../../face/simd/kernels.ts"
import type { FloatTensor } from "../ort.ts"

/** Sums of so many bytes stay below 2¹⁶. */
const factorMax = 257

/** Of the picture at a time: what is copied into the bench is read again from the core's own cache. */
const stripBytes = 262_144

/** The loop reads a few bytes more than there are. */
const slackBytes = 64

/**
 * Fills the input of a network that slides over pictures of any size: the picture by a whole factor at the top left, black to
 * the right and below up to the next multiple. Every value is the mean of `factor × factor` pixels; what remains at the right and
 * lower edge when `factor` does not divide the size (`factor − 1` pixels at most) is left out.
 *
 * One pass over the picture, strip by strip, and the network reads what the loop has written: 2 MP by 2, fresh from the decoder,
 * take 1.0 ms (a loop in JavaScript 1.7, libvips with a layout pass behind it 8). One buffer for all pictures: what it gives holds
 * until the next call.
 */
export function createLetterbox(scaling: PixelScaling, multiplePx: number): (picture: Pixels, factor: number) => FloatTensor {
  let bench = openBench(0)
  let layout = ""

  return ({ data, width, height }, factor) => {
    assert(factor <= factorMax, `a picture is shrunk by ${factorMax} at most`)
    const [columns, rows] = [Math.floor(width / factor), Math.floor(height / factor)]
    const [planeWidth, planeHeight] = [roundUp(columns, multiplePx), roundUp(rows, multiplePx)]
    const planePx = planeWidth * planeHeight
    const rowBytes = width * 3
    const stripRows = Math.max(1, Math.floor(stripBytes / (rowBytes * factor)))
    // In the bench: the scaling, the sums of a row, a strip of the picture, the tensor.
    const pixelsAt = scalingBytes + 2 * rowBytes + slackBytes * (factor + 1)
    const tensorAt = Math.ceil((pixelsAt + stripRows * factor * rowBytes + slackBytes) / 4)
    // A row of fewer than four cells is written as four.
    const neededBytes = 4 * (tensorAt + 3 * planePx) + slackBytes
    if (bench.bytes.length < neededBytes) bench = openBench(neededBytes)

    const planes = planesOf(scaling, tensorAt, planePx)
    const wanted = `${width} ${height} ${factor}`
    if (wanted !== layout && (columns < planeWidth || rows < planeHeight)) {
      // What is beside the picture was written by a picture of another size.
      for (const { start, bias } of Object.values(planes)) bench.floats.fill(bias, start, start + planePx)
    }
    layout = wanted
    putScaling(bench, planes, factor * factor)
    const picture = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const { red, green, blue } = planes
    for (let row = 0; row < rows; row += stripRows) {
      const count = Math.min(stripRows, rows - row)
      picture.copy(bench.bytes, pixelsAt, row * factor * rowBytes, (row + count) * factor * rowBytes)
      const [redAt, greenAt, blueAt] = [red, green, blue].map(({ start }) => 4 * (start + row * planeWidth))
      const asked = [pixelsAt, rowBytes, count, columns, factor, 4 * planeWidth, scalingBytes, 0] as const
      bench.kernels.shrink(...asked, redAt ?? 0, greenAt ?? 0, blueAt ?? 0)
    }
    return { data: bench.floats.subarray(tensorAt, tensorAt + 3 * planePx), shape: [1, 3, planeHeight, planeWidth] }
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.max(multiple, Math.ceil(value / multiple) * multiple)
}
