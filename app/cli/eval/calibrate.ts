import { tailFromRate } from "../../face/normal-tail.ts"
import { calibrationCurve, countAccepted, type Interval } from "../../face/statistics.ts"
import type { Calibration } from "../../inference/manifest.ts"
import { crossSimilarities, ownSimilarities, type Vectors } from "./evaluate.ts"
import type { ListedPicture } from "./pairs.ts"
import { crossPairs, rateIntervals } from "./rate-intervals.ts"

/**
 * Rates of the curve. Half of the photographs at hand show rates down to 1e-4; the last ones are extrapolated. One stranger in a
 * hundred is taken for somebody among 100,000 faces at 1e-7.
 */
const rates = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]

const tail = { model: "normal", fromFmr: tailFromRate } as const

/** People, not pictures, are split: nobody's face is on both sides. Every second of the sorted names goes to each half. */
export function splitPeople(pictures: readonly ListedPicture[]): readonly [readonly ListedPicture[], readonly ListedPicture[]] {
  const people = [...new Set(pictures.map((picture) => picture.person))].sort()
  const first = new Set(people.filter((_, i) => i % 2 === 0))
  return [pictures.filter(({ person }) => first.has(person)), pictures.filter(({ person }) => !first.has(person))]
}

/**
 * Thresholds from all cross pairs of one half of the people, and what they do on the other half. `undefined` when there are too
 * few pictures for a curve.
 */
export function calibrate(pictures: readonly ListedPicture[], vectors: Vectors, sourceName: string): Calibration | undefined {
  const [half, otherHalf] = splitPeople(pictures)
  const impostors = crossSimilarities(half, vectors)
  const curve = calibrationCurve(impostors, rates)
  if (curve === undefined) return undefined
  const intervals = rateIntervals(crossPairs(half, vectors), curve)
  const heldOutImpostors = crossSimilarities(otherHalf, vectors)
  const heldOutGenuine = ownSimilarities(otherHalf, vectors)
  return {
    derivedFrom:
      `${sourceName}: all ${impostors.length} cross pairs of one half of the people (every second name); ` +
      "points marked extrapolated continue the highest fiftieth of them with the tail of a normal distribution",
    impostorPairs: impostors.length,
    people: new Set(half.map(({ person }) => person)).size,
    tail,
    curve: curve.map((point, i) => ({ ...point, interval: rounded(intervals[i]) })),
    heldOut: curve.map(({ fmr, similarity }) => ({
      fmr,
      measuredFmr: toSignificant(countAccepted(heldOutImpostors, similarity) / heldOutImpostors.length),
      measuredTar: toSignificant(countAccepted(heldOutGenuine, similarity) / heldOutGenuine.length),
      impostorPairs: heldOutImpostors.length,
      genuinePairs: heldOutGenuine.length,
    })),
  }
}

function rounded(interval: Interval | undefined): Interval | undefined {
  return interval && { low: toSignificant(interval.low), high: toSignificant(interval.high) }
}

/** Four digits: more would be noise in a committed file. */
function toSignificant(share: number): number {
  return Number(share.toPrecision(4))
}
