import { samplesFor } from "../../face/align.ts"
import type { Box } from "../../face/geometry.ts"
import { type PixelScaling, type Pixels, planesOf } from "../../face/pixels.ts"

/** Where each sample lies along an axis: the two pixels it is between, as offsets in bytes, and their weights. */
interface Axis {
  readonly near: Int32Array
  readonly far: Int32Array
  readonly nearWeight: Float64Array
  readonly farWeight: Float64Array
}

/** Written anew for every crop, and kept: to make them takes longer than a small crop. */
let columns = axisFor(0)
let rows = axisFor(0)

/**
 * Writes the part of the picture under a square box into `tensor` at `start`, `sizePx × sizePx`, upright; black beyond the
 * picture. The values are those of `warpInto` without a turn, but rows and columns are worked out once: a crop costs a fourth.
 * @param square in pixels of `picture`, edges at whole numbers
 */
export function cropInto(
  tensor: Float32Array,
  start: number,
  sizePx: number,
  picture: Pixels,
  square: Box,
  scaling: PixelScaling,
): void {
  const { data, width, height } = picture
  const step = square.width / sizePx
  const samples = samplesFor(step)
  if (columns.near.length < sizePx * samples) [columns, rows] = [axisFor(sizePx * samples), axisFor(sizePx * samples)]
  // A box counts from the edge of a pixel, sampling from its centre.
  locate(columns, sizePx * samples, step / samples, square.x - 0.5 + step / samples / 2, width, 3)
  locate(rows, sizePx * samples, step / samples, square.y - 0.5 + step / samples / 2, height, width * 3)
  const { near: columnNear, far: columnFar, nearWeight: columnNearWeight, farWeight: columnFarWeight } = columns
  const { near: rowNear, far: rowFar, nearWeight: rowNearWeight, farWeight: rowFarWeight } = rows
  const { red, green, blue } = planesOf(scaling, start, sizePx * sizePx)
  const share = 1 / (samples * samples)
  const redStart = red.start
  const greenStart = green.start
  const blueStart = blue.start
  const redFactor = red.factor * share
  const greenFactor = green.factor * share
  const blueFactor = blue.factor * share
  const redBias = red.bias
  const greenBias = green.bias
  const blueBias = blue.bias
  let at = 0
  for (let row = 0; row < sizePx; row++) {
    for (let column = 0; column < sizePx; column++, at++) {
      let r = 0
      let g = 0
      let b = 0
      for (let j = row * samples, jEnd = j + samples; j < jEnd; j++) {
        const top = rowNear[j]!
        const bottom = rowFar[j]!
        const topWeight = rowNearWeight[j]!
        const bottomWeight = rowFarWeight[j]!
        for (let i = column * samples, iEnd = i + samples; i < iEnd; i++) {
          const left = columnNear[i]!
          const right = columnFar[i]!
          const p00 = top + left
          const p01 = top + right
          const p10 = bottom + left
          const p11 = bottom + right
          const w00 = columnNearWeight[i]! * topWeight
          const w01 = columnFarWeight[i]! * topWeight
          const w10 = columnNearWeight[i]! * bottomWeight
          const w11 = columnFarWeight[i]! * bottomWeight
          r += data[p00]! * w00 + data[p01]! * w01 + data[p10]! * w10 + data[p11]! * w11
          g += data[p00 + 1]! * w00 + data[p01 + 1]! * w01 + data[p10 + 1]! * w10 + data[p11 + 1]! * w11
          b += data[p00 + 2]! * w00 + data[p01 + 2]! * w01 + data[p10 + 2]! * w10 + data[p11 + 2]! * w11
        }
      }
      tensor[redStart + at] = r * redFactor + redBias
      tensor[greenStart + at] = g * greenFactor + greenBias
      tensor[blueStart + at] = b * blueFactor + blueBias
    }
  }
}

function axisFor(count: number): Axis {
  return {
    near: new Int32Array(count),
    far: new Int32Array(count),
    nearWeight: new Float64Array(count),
    farWeight: new Float64Array(count),
  }
}

/**
 * @param first place of the first sample, in pixel centres of the picture
 * @param strideBytes from one pixel of the picture to the next along this axis
 */
function locate(axis: Axis, count: number, step: number, first: number, lengthPx: number, strideBytes: number): void {
  const { near, far, nearWeight, farWeight } = axis
  for (let at = 0; at < count; at++) {
    const place = first + step * at
    const pixel = Math.floor(place)
    const beyond = place - pixel
    // A neighbour beyond the edge counts as black: weight 0, read anywhere that exists.
    const nearInside = pixel >= 0 && pixel < lengthPx
    const farInside = pixel >= -1 && pixel < lengthPx - 1
    near[at] = nearInside ? pixel * strideBytes : 0
    far[at] = farInside ? (pixel + 1) * strideBytes : 0
    nearWeight[at] = nearInside ? 1 - beyond : 0
    farWeight[at] = farInside ? beyond : 0
  }
}

/** The smallest square that holds the box, about its centre. */
export function squareAround({ x, y, width, height }: Box): Box {
  const side = Math.max(width, height)
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side }
}
