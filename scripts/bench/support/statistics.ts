import { z } from "zod"
import { createRandom } from "../../../app/base/random.ts"

export { createRandom } from "../../../app/base/random.ts"

/** What many timings say; quantiles by linear interpolation between neighbours. */
export const summarySchema = z.strictObject({
  n: z.int().nonnegative(),
  mean: z.number(),
  p50: z.number(),
  p90: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
})
export type Summary = z.output<typeof summarySchema>

/** @param share 0 to 1; NaN of nothing. */
export function quantile(rising: ArrayLike<number>, share: number): number {
  if (rising.length === 0) return Number.NaN
  const at = share * (rising.length - 1)
  const below = rising[Math.floor(at)]!
  const above = rising[Math.ceil(at)]!
  return below + (above - below) * (at - Math.floor(at))
}

export function median(values: Iterable<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5)
}

/** Of nothing everything is 0, and `n` says so: JSON has no NaN. */
export function summarise(values: Iterable<number>): Summary {
  const rising = Float64Array.from(values).sort()
  const at = (share: number) => (rising.length === 0 ? 0 : roundTo(quantile(rising, share), 3))
  const mean = rising.length === 0 ? 0 : roundTo(rising.reduce((sum, value) => sum + value, 0) / rising.length, 3)
  return { n: rising.length, mean, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) }
}

export function roundTo(value: number, digits: number): number {
  const unit = 10 ** digits
  return Math.round(value * unit) / unit
}

/** Least squares: by how much `y` grows when `x` grows by one; 0 for fewer than two places of x. */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length
  const squares = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  return squares > 0 ? points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / squares : 0
}

export interface Interval {
  readonly low: number
  readonly high: number
}

/** Enough draws that the ends of the interval move by less than what is printed. */
const draws = 5000

/**
 * The 95 % interval of the median by bootstrap: the values are drawn again with replacement, and the middle 95 % of the medians
 * kept. With one value it is that value: one run knows nothing of its noise.
 */
export function medianInterval(values: readonly number[], seed = 1): Interval {
  const random = createRandom(seed)
  const medians = new Float64Array(draws)
  for (let draw = 0; draw < draws; draw++)
    medians[draw] = median(values.map(() => values[Math.floor(random() * values.length)]!))
  medians.sort()
  return { low: quantile(medians, 0.025), high: quantile(medians, 0.975) }
}
