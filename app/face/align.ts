import { centreOf, type Landmarks, type Point } from "./geometry.ts"

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
