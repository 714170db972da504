import { assert } from "../base/assert.ts"
import type { Interval } from "../face/statistics.ts"

/** `uncertain`: near enough that a person should look, too far to be named. */
export type Decision = "match" | "uncertain" | "unknown"
export type PairDecision = "same" | "uncertain" | "different"

/** Similarities (cosine) at and above which a face is called a match, or at least uncertain. */
export interface Thresholds {
  readonly match: number
  readonly uncertain: number
}

/** At `similarity` and above, two different people are taken for one at the rate `fmr`. */
export interface CalibrationPoint {
  readonly fmr: number
  readonly similarity: number
  /** 95 % of the rate at this similarity. */
  readonly interval?: Interval | undefined
  /** Nobody so near was among the impostors observed. */
  readonly extrapolated?: boolean | undefined
}

/**
 * The similarity that keeps the rate at `fmr`, straight between neighbouring points over the logarithm of the rate. `curve` from
 * lenient to strict, as an embedder's calibration gives it: similarity rising, rate falling.
 * Outside the curve never more lenient than asked: below its lenient end that end itself; beyond its strict end the last slope
 * goes on, which asks too much rather than too little, since such curves bend downwards.
 */
export function similarityAt(curve: readonly CalibrationPoint[], fmr: number): number {
  assert(curve.length >= 2, "a calibration curve has two points or more")
  const right = curve.findIndex((point) => point.fmr <= fmr)
  if (right === 0) return curve[0]?.similarity ?? 1
  const [lenient, strict] = right === -1 ? curve.slice(-2) : curve.slice(right - 1, right + 1)
  assert(lenient !== undefined && strict !== undefined, "both neighbours are on the curve")
  assert(strict.fmr < lenient.fmr && strict.similarity >= lenient.similarity, "a calibration curve goes from lenient to strict")
  const share = Math.log(fmr / lenient.fmr) / Math.log(strict.fmr / lenient.fmr)
  return Math.min(1, lenient.similarity + share * (strict.similarity - lenient.similarity))
}

/**
 * `similarity` of the nearest subject, absent when there is none. `override` replaces the match threshold for one request; what
 * lies below it is then uncertain no sooner than before.
 */
export function decide(similarity: number | undefined, thresholds: Thresholds, override?: number): Decision {
  if (similarity === undefined) return "unknown"
  const match = override ?? thresholds.match
  if (similarity >= match) return "match"
  return similarity >= Math.min(thresholds.uncertain, match) ? "uncertain" : "unknown"
}

export function decidePair(similarity: number, thresholds: Thresholds, override?: number): PairDecision {
  const inGallery = decide(similarity, thresholds, override)
  return pairDecisionOf[inGallery]
}

const pairDecisionOf = { match: "same", uncertain: "uncertain", unknown: "different" } as const satisfies Record<
  Decision,
  PairDecision
>
