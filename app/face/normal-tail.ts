/**
 * The upper tail of similarities between strangers, as that of a normal distribution: over the quantiles of the normal
 * distribution the similarities lie on a straight line. Sums over many dimensions are nearly normal, and measured this model errs
 * least of those tried (scripts/tail.ts, docs/accuracy.md).
 */
export interface NormalTail {
  readonly mean: number
  readonly deviation: number
}

/** The tail is fitted to what lies above the similarity of this rate … */
export const tailFromRate = 2e-2
/** … but for the few highest, which are chance. */
const leftOutMax = 3.5
const gridStep = 1.15
const gridPointsMin = 12

/** Rates at which the tail of so many pairs is read, rising. */
export function tailGrid(pairCount: number): readonly number[] {
  const rates: number[] = []
  for (let rate = leftOutMax / pairCount; rate < tailFromRate; rate *= gridStep) rates.push(rate)
  return rates
}

/**
 * Least squares over the grid.
 * @param similarities one for each rate of the grid
 * @returns `undefined` when there are too few, or all are the same
 */
export function fitNormalTail(rates: readonly number[], similarities: readonly number[]): NormalTail | undefined {
  if (rates.length < gridPointsMin) return undefined
  const quantiles = rates.map(normalQuantile)
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanX, meanY] = [meanOf(quantiles), meanOf(similarities)]
  let [products, squares] = [0, 0]
  for (const [i, quantile] of quantiles.entries()) {
    products += (quantile - meanX) * ((similarities[i] ?? 0) - meanY)
    squares += (quantile - meanX) ** 2
  }
  const deviation = products / squares
  return deviation > 0 ? { mean: meanY - deviation * meanX, deviation } : undefined
}

/** The similarity that strangers reach at a rate. */
export function tailSimilarity({ mean, deviation }: NormalTail, rate: number): number {
  return mean + deviation * normalQuantile(rate)
}

/** The rate at which strangers reach a similarity. */
export function tailRateAt({ mean, deviation }: NormalTail, similarity: number): number {
  return normalAbove((similarity - mean) / deviation)
}

/** Share of a normal distribution above x; to seven digits however small it is (Numerical Recipes, `erfcc`). */
export function normalAbove(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + z / 2)
  const series = erfcSeries.reduceRight((sum, factor) => factor + t * sum, 0)
  const above = (t * Math.exp(-z * z + series)) / 2
  return x >= 0 ? above : 1 - above
}

const erfcSeries = [
  ...[-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806],
  ...[0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277],
]

/** The x above which lies this share, which is below a half. */
export function normalQuantile(share: number): number {
  // Abramowitz and Stegun 26.2.23 is right to three digits; two steps of Newton's make seven of it.
  const t = Math.sqrt(-2 * Math.log(share))
  let x = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3)
  for (let step = 0; step < 2; step++) x += (normalAbove(x) - share) / (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI))
  return x
}
