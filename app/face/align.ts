import { centreOf, type Landmarks, type Point } from "./geometry.ts"
import { type PixelScaling, type Pixels, planesOf } from "./pixels.ts"

/** Turns, scales and moves, nothing else: x′ = a·x − b·y + tx, y′ = b·x + a·y + ty. */
export interface Similarity {
  readonly a: number
  readonly b: number
  readonly tx: number
  readonly ty: number
}

/**
 * The similarity that brings `from` nearest to `to` in the least-squares sense (Umeyama 1991 for two dimensions, without
 * reflection, in closed form). Five points in one place give no direction: the answer then only moves them.
 */
export function fitSimilarity(from: Landmarks, to: Landmarks): Similarity {
  const [fromX, fromY] = centreOf(from)
  const [toX, toY] = centreOf(to)
  let along = 0
  let across = 0
  let spread = 0
  for (const [index, [x, y]] of from.entries()) {
    const [u, v] = to[index] ?? [0, 0]
    const [dx, dy, du, dv] = [x - fromX, y - fromY, u - toX, v - toY]
    along += dx * du + dy * dv
    across += dx * dv - dy * du
    spread += dx * dx + dy * dy
  }
  const a = spread > 0 ? along / spread : 1
  const b = spread > 0 ? across / spread : 0
  return { a, b, tx: toX - a * fromX + b * fromY, ty: toY - b * fromX - a * fromY }
}

/** `undefined` for a similarity that brings everything to one place. */
export function invert({ a, b, tx, ty }: Similarity): Similarity | undefined {
  const square = a * a + b * b
  if (!(square > 1e-12) || !Number.isFinite(square)) return undefined
  const [ia, ib] = [a / square, -b / square]
  return { a: ia, b: ib, tx: -ia * tx + ib * ty, ty: -ib * tx - ia * ty }
}

export function apply({ a, b, tx, ty }: Similarity, [x, y]: Point): Point {
  return [a * x - b * y + tx, b * x + a * y + ty]
}

/** Picture pixels between two samples of a crop: bilinear sampling sees two pixels wide, so up to here nothing is skipped. */
const sampleStepPxMax = 2
/** Samples along one axis of a crop pixel: 8 × 2 picture pixels keep a face of 1800 px free of aliasing in a crop of 112. */
const samplesMax = 8

/**
 * Samples along one axis of a crop pixel that is `stepPx` picture pixels wide: enough that a large face is averaged, not picked
 * out pixel by pixel.
 */
export function samplesFor(stepPx: number): number {
  return Math.min(samplesMax, Math.max(1, Math.ceil(stepPx / sampleStepPxMax)))
}

/**
 * Writes the square crop into `tensor` at `start` (planar, `3 × sizePx × sizePx` values). Coordinates are pixel centres on both
 * sides; what lies outside the picture is black, as in the crops the embedders were trained on. A face much larger than the
 * crop is averaged over its pixels, so that hair and glasses do not turn into noise.
 * @param toPicture crop → picture
 */
export function warpInto(
  tensor: Float32Array,
  start: number,
  sizePx: number,
  picture: Pixels,
  toPicture: Similarity,
  scaling: PixelScaling,
): void {
  const { data, width, height } = picture
  const { red, green, blue } = planesOf(scaling, start, sizePx * sizePx)
  const redStart = red.start
  const redFactor = red.factor
  const redBias = red.bias
  const greenStart = green.start
  const greenFactor = green.factor
  const greenBias = green.bias
  const blueStart = blue.start
  const blueFactor = blue.factor
  const blueBias = blue.bias
  const { a, b, tx, ty } = toPicture
  const samples = samplesFor(Math.hypot(a, b))
  const share = 1 / (samples * samples)
  const between = 1 / samples
  const first = between / 2 - 0.5
  const rowBytes = width * 3
  for (let row = 0; row < sizePx; row++) {
    for (let column = 0; column < sizePx; column++) {
      let r = 0
      let g = 0
      let bl = 0
      for (let j = 0; j < samples; j++) {
        const v = row + first + j * between
        for (let i = 0; i < samples; i++) {
          const u = column + first + i * between
          const x = a * u - b * v + tx
          const y = b * u + a * v + ty
          const x0 = Math.floor(x)
          const y0 = Math.floor(y)
          if (x0 < -1 || y0 < -1 || x0 >= width || y0 >= height) continue
          // A neighbour beyond the edge counts as black: weight 0, read anywhere that exists.
          const right = x - x0
          const below = y - y0
          const wx0 = x0 < 0 ? 0 : 1 - right
          const wx1 = x0 + 1 >= width ? 0 : right
          const wy0 = y0 < 0 ? 0 : 1 - below
          const wy1 = y0 + 1 >= height ? 0 : below
          const left = x0 < 0 ? 0 : x0 * 3
          const step = x0 < 0 || x0 + 1 >= width ? 0 : 3
          const top = y0 < 0 ? 0 : y0 * rowBytes
          const p00 = top + left
          const p01 = p00 + step
          const p10 = p00 + (y0 < 0 || y0 + 1 >= height ? 0 : rowBytes)
          const p11 = p10 + step
          const w00 = wx0 * wy0
          const w01 = wx1 * wy0
          const w10 = wx0 * wy1
          const w11 = wx1 * wy1
          r += data[p00]! * w00 + data[p01]! * w01 + data[p10]! * w10 + data[p11]! * w11
          g += data[p00 + 1]! * w00 + data[p01 + 1]! * w01 + data[p10 + 1]! * w10 + data[p11 + 1]! * w11
          bl += data[p00 + 2]! * w00 + data[p01 + 2]! * w01 + data[p10 + 2]! * w10 + data[p11 + 2]! * w11
        }
      }
      const at = row * sizePx + column
      tensor[redStart + at] = r * share * redFactor + redBias
      tensor[greenStart + at] = g * share * greenFactor + greenBias
      tensor[blueStart + at] = bl * share * blueFactor + blueBias
    }
  }
}
