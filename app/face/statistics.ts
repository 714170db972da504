import { fitNormalTail, tailFromRate, tailGrid, tailSimilarity } from "./normal-tail.ts"

/**
 * What a list of similarities says about a way of comparing faces. "Genuine" pairs show one person, "impostor" pairs two.
 * A pair is accepted when its similarity is at least the threshold.
 */

/** Similarities of pairs, rising. */
export type SortedSimilarities = Float64Array & { readonly __brand: "rising" }

export interface Interval {
  readonly low: number
  readonly high: number
}

/** A share with its 95 % interval: `count` of `of`. */
export interface Share {
  readonly count: number
  readonly of: number
  readonly share: number
  readonly interval: Interval
}

export interface Comparison {
  readonly similarity: number
  readonly same: boolean
}

/** 97.5 % quantile of the normal distribution: two-sided 95 %. */
const z95 = 1.959964

/** Similarities are written with four digits: finer differences lie below what two builds of one network agree on. */
const similarityDigits = 4

export function sortSimilarities(values: Iterable<number>): SortedSimilarities {
  return Float64Array.from(values).sort() as SortedSimilarities
}

/** How many are at or above the threshold. */
export function countAccepted(sorted: SortedSimilarities, threshold: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? Number.NaN) < threshold) low = middle + 1
    else high = middle
  }
  return sorted.length - low
}

/** Wilson's score interval: right for shares near 0 and 1, where the plain ± leaves the scale. */
export function wilsonInterval(count: number, of: number): Interval {
  if (of === 0) return { low: 0, high: 1 }
  const share = count / of
  const z2 = z95 * z95
  const centre = share + z2 / (2 * of)
  const spread = z95 * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of))
  const scale = 1 + z2 / of
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}

export function shareOf(count: number, of: number): Share {
  return { count, of, share: of === 0 ? 0 : count / of, interval: wilsonInterval(count, of) }
}

/** Share of pairs decided rightly at a threshold. */
export function accuracyAt(comparisons: readonly Comparison[], threshold: number): Share {
  let right = 0
  for (const { similarity, same } of comparisons) if (similarity >= threshold === same) right++
  return shareOf(right, comparisons.length)
}

/**
 * The threshold that decides most of these pairs rightly, half-way between two neighbouring similarities. Of several equally
 * good ones the middle one, so that a single pair at the edge of a plateau does not move it.
 */
export function bestThreshold(comparisons: readonly Comparison[]): { readonly threshold: number; readonly accuracy: Share } {
  const rising = comparisons.toSorted((a, b) => a.similarity - b.similarity)
  // Starting below all of them everything is accepted: right are exactly the genuine pairs.
  let right = rising.reduce((sum, pair) => sum + (pair.same ? 1 : 0), 0)
  let best = right
  let plateau = [(rising[0]?.similarity ?? 0) - 1e-6]
  for (const [i, pair] of rising.entries()) {
    right += pair.same ? -1 : 1
    const next = rising[i + 1]?.similarity ?? pair.similarity + 2e-6
    // Equal similarities cannot be told apart by a threshold.
    if (next === pair.similarity || right < best) continue
    if (right > best) plateau = []
    best = right
    plateau.push((pair.similarity + next) / 2)
  }
  const threshold = plateau[plateau.length >> 1] ?? 0
  return { threshold, accuracy: shareOf(best, rising.length) }
}

export interface CrossValidation {
  readonly folds: readonly { readonly threshold: number; readonly accuracy: number }[]
  readonly mean: number
  /** Standard deviation between folds. */
  readonly deviation: number
}

/** Each fold judged at the threshold that is best on all others. */
export function crossValidate(folds: readonly (readonly Comparison[])[]): CrossValidation {
  const judged = folds.map((fold, i) => {
    const { threshold } = bestThreshold(folds.filter((_, other) => other !== i).flat())
    return { threshold, accuracy: accuracyAt(fold, threshold).share }
  })
  const mean = judged.reduce((sum, fold) => sum + fold.accuracy, 0) / judged.length
  const squares = judged.reduce((sum, fold) => sum + (fold.accuracy - mean) ** 2, 0)
  return { folds: judged, mean, deviation: Math.sqrt(squares / Math.max(1, judged.length - 1)) }
}

/**
 * The lowest four-digit similarity that accepts at most `rate` of these impostor pairs; `undefined` when they are too few to
 * show that rate at all (not even one pair may pass).
 */
export function similarityAtRate(impostors: SortedSimilarities, rate: number): number | undefined {
  // A rate written in decimals must not lose a pair to its binary rounding (0.07 × 100 is 7.000…1, 0.29 × 100 is 28.999…).
  const allowed = Math.floor(rate * impostors.length + 1e-9)
  if (allowed < 1) return undefined
  const firstRefused = impostors[impostors.length - 1 - allowed]
  return firstRefused === undefined ? -1 : justAbove(firstRefused)
}

function justAbove(similarity: number): number {
  const unit = 10 ** similarityDigits
  return Math.min(1, (Math.floor(similarity * unit) + 1) / unit)
}

/** The similarity at a rate nobody observed, by the tail that is fitted to the highest fiftieth. `undefined` with too few pairs. */
export function extrapolatedSimilarityAtRate(impostors: SortedSimilarities, rate: number): number | undefined {
  if (rate > tailFromRate) return undefined
  const grid = tailGrid(impostors.length)
  const at = (share: number) => impostors[impostors.length - 1 - Math.floor(impostors.length * share)] ?? 1
  const tail = fitNormalTail(grid, grid.map(at))
  return tail && justAbove(tailSimilarity(tail, rate))
}

export interface CurvePoint {
  readonly fmr: number
  readonly similarity: number
  readonly extrapolated?: true
}

/** Thresholds for the wanted false match rates, from lenient to strict. `undefined` when the pairs do not carry a curve. */
export function calibrationCurve(impostors: SortedSimilarities, rates: readonly number[]): readonly CurvePoint[] | undefined {
  const points: CurvePoint[] = []
  for (const fmr of rates.toSorted((a, b) => b - a)) {
    const observed = similarityAtRate(impostors, fmr)
    const similarity = observed ?? extrapolatedSimilarityAtRate(impostors, fmr)
    if (similarity === undefined) return undefined
    // The fit may start below the last observed point; a stricter rate never has a lower threshold.
    const rising = Math.max(similarity, points.at(-1)?.similarity ?? -1)
    points.push(observed === undefined ? { fmr, similarity: rising, extrapolated: true } : { fmr, similarity: rising })
  }
  return points
}

export interface AcceptanceAtRate {
  /** The wanted false accept rate. */
  readonly far: number
  /** Absent with `tooFew`. */
  readonly threshold?: number
  /** Impostor pairs accepted at the threshold. */
  readonly falseAccepts?: Share
  /** Genuine pairs accepted at the threshold. */
  readonly trueAccepts?: Share
  /** Fewer than 10 / FAR impostor pairs: the rate rests on less than ten pairs. */
  readonly tooFew: boolean
}

/** A rate is stated on at least this many impostor pairs that pass. */
const falseAcceptsMin = 10

export function acceptanceAtRate(genuine: SortedSimilarities, impostors: SortedSimilarities, far: number): AcceptanceAtRate {
  const tooFew = impostors.length < falseAcceptsMin / far - 1e-6
  const threshold = similarityAtRate(impostors, far)
  if (threshold === undefined) return { far, tooFew: true }
  return {
    far,
    threshold,
    falseAccepts: shareOf(countAccepted(impostors, threshold), impostors.length),
    trueAccepts: shareOf(countAccepted(genuine, threshold), genuine.length),
    tooFew,
  }
}
