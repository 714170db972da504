import { assert } from "../base/assert.ts"
import type { Interval } from "../face/statistics.ts"
import { type CalibrationPoint, similarityAt } from "./match.ts"

/**
 * From comparisons to questions. A question compares one face with every face searched; a stranger is taken for somebody when any
 * of them is at or above the threshold. With n faces that happens at the rate 1 − (1 − FMR)^n: comparisons of one face with many
 * are taken to be independent. They are not quite (somebody who resembles one resembles others, several faces may be of one
 * person), and therefore the true rate is this one or lower (Jensen), but for the error of the curve itself.
 */

/** What a threshold is worth. */
export interface Odds {
  /** Share of strangers who are taken for somebody. */
  readonly falsePositiveRate: number
  /** 95 % of it; absent when the embedder's calibration names none. */
  readonly interval?: Interval
  /** It lies beyond the last impostor that was observed, and rests on the tail of the calibration. */
  readonly extrapolated: boolean
  /** Faces that each question is compared with. */
  readonly comparisons: number
}

/** The rate of a single comparison, for which a question of so many has the rate `falsePositiveRate`. */
export function falseMatchRate(falsePositiveRate: number, comparisons: number): number {
  assert(falsePositiveRate > 0 && falsePositiveRate < 1, "a rate lies between 0 and 1")
  return -Math.expm1(Math.log1p(-falsePositiveRate) / Math.max(1, comparisons))
}

/** The other way round. */
export function falsePositiveRate(falseMatchRate: number, comparisons: number): number {
  if (comparisons === 0) return 0
  return falseMatchRate >= 1 ? 1 : -Math.expm1(comparisons * Math.log1p(-falseMatchRate))
}

/** What a threshold means with so many faces: the curve read the other way round. */
export function oddsAt(curve: readonly CalibrationPoint[], threshold: number, comparisons: number): Odds {
  const { fmr, interval, extrapolated } = rateAt(curve, threshold)
  return {
    falsePositiveRate: falsePositiveRate(fmr, comparisons),
    ...(interval && {
      interval: { low: falsePositiveRate(interval.low, comparisons), high: falsePositiveRate(interval.high, comparisons) },
    }),
    extrapolated,
    comparisons,
  }
}

/** The threshold for a wanted rate, however many faces there are, but never at a rate of comparison above `falseMatchRateMax`. */
export function thresholdFor(
  curve: readonly CalibrationPoint[],
  wantedRate: number,
  comparisons: number,
  falseMatchRateMax: number,
): number {
  return similarityAt(curve, Math.min(falseMatchRateMax, falseMatchRate(wantedRate, comparisons)))
}

interface RateAt {
  readonly fmr: number
  readonly interval?: Interval
  readonly extrapolated: boolean
}

/**
 * False match rate of one comparison at a similarity: straight between neighbouring points over the logarithm of the rate, as
 * `similarityAt` goes. Below the curve's lenient end nothing is known, and 1 is said; beyond its strict end the last slope goes on.
 */
function rateAt(curve: readonly CalibrationPoint[], similarity: number): RateAt {
  const right = curve.findIndex((point) => point.similarity >= similarity)
  if (right === 0) {
    const first = curve[0]
    return first?.similarity === similarity ? toRate(first) : { fmr: 1, interval: { low: 0, high: 1 }, extrapolated: true }
  }
  const [lenient, strict] = right === -1 ? curve.slice(-2) : curve.slice(right - 1, right + 1)
  assert(lenient !== undefined && strict !== undefined, "a calibration curve has two points or more")
  const share = (similarity - lenient.similarity) / (strict.similarity - lenient.similarity)
  const between = (from: number, to: number) => Math.min(1, from * (to / from) ** share)
  const fmr = between(lenient.fmr, strict.fmr)
  const extrapolated = right === -1 || strict.extrapolated === true
  if (lenient.interval === undefined || strict.interval === undefined) return { fmr, extrapolated }
  const interval = {
    low: Math.min(fmr, between(lenient.interval.low, strict.interval.low)),
    high: Math.max(fmr, between(lenient.interval.high, strict.interval.high)),
  }
  return { fmr, interval, extrapolated }
}

function toRate({ fmr, interval, extrapolated = false }: CalibrationPoint): RateAt {
  return { fmr, ...(interval && { interval }), extrapolated }
}
