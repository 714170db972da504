import { expect, test } from "bun:test"
import { normalAbove, normalQuantile } from "../../app/face/normal-tail.ts"
import {
  acceptanceAtRate,
  accuracyAt,
  bestThreshold,
  calibrationCurve,
  countAccepted,
  crossValidate,
  extrapolatedSimilarityAtRate,
  similarityAtRate,
  sortSimilarities,
  wilsonInterval,
} from "../../app/face/statistics.ts"

const genuine = [0.2, 0.6, 0.7, 0.8, 0.9]
const impostor = [-0.1, 0, 0.1, 0.3, 0.4]
const comparisons = [
  ...genuine.map((similarity) => ({ similarity, same: true })),
  ...impostor.map((similarity) => ({ similarity, same: false })),
]

test("a similarity equal to the threshold is accepted", () => {
  const sorted = sortSimilarities([0.3, 0.1, 0.2, 0.2])
  expect([0.05, 0.1, 0.2, 0.21, 0.3, 0.31].map((threshold) => countAccepted(sorted, threshold))).toEqual([4, 4, 3, 1, 1, 0])
  expect(accuracyAt([{ similarity: 0.5, same: true }], 0.5).share).toBe(1)
  expect(accuracyAt([{ similarity: 0.5, same: false }], 0.5).share).toBe(0)
})

test("Wilson's interval agrees with published values and stays on the scale", () => {
  // 8 of 10: [0.490, 0.943]; 0 of 10: [0, 0.278] (Wilson 1927, any table of it).
  expect(wilsonInterval(8, 10).low).toBeCloseTo(0.49, 2)
  expect(wilsonInterval(8, 10).high).toBeCloseTo(0.943, 3)
  expect(wilsonInterval(0, 10).low).toBe(0)
  expect(wilsonInterval(0, 10).high).toBeCloseTo(0.278, 3)
  expect(wilsonInterval(300, 300).high).toBe(1)
  expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 })
})

test("the best threshold lies between the two kinds and counts what it cannot separate", () => {
  const best = bestThreshold(comparisons)
  expect(best.threshold).toBeCloseTo(0.5, 6)
  expect(best.accuracy.count).toBe(9)
  expect(accuracyAt(comparisons, best.threshold).count).toBe(9)
})

test("equal similarities of both kinds are never split by the threshold", () => {
  const tied = [
    { similarity: 0.5, same: true },
    { similarity: 0.5, same: false },
  ]
  expect(bestThreshold(tied).accuracy.count).toBe(1)
  expect(accuracyAt(tied, bestThreshold(tied).threshold).count).toBe(1)
})

test("each fold is judged by the others' threshold, not its own", () => {
  // The second fold's best own threshold would decide all its pairs rightly; the first fold's does not.
  const folds = [
    [
      { similarity: 0.2, same: false },
      { similarity: 0.4, same: true },
    ],
    [
      { similarity: 0.6, same: false },
      { similarity: 0.8, same: true },
    ],
  ]
  const judged = crossValidate(folds)
  expect(judged.folds.map((fold) => fold.accuracy)).toEqual([0.5, 0.5])
  expect(judged.mean).toBe(0.5)
  expect(judged.deviation).toBe(0)
})

test("the threshold at a rate accepts at most that share, and one digit lower accepts more", () => {
  const impostors = sortSimilarities(Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 0.4))
  for (const rate of [0.1, 0.01, 0.007, 0.001]) {
    const threshold = similarityAtRate(impostors, rate) ?? Number.NaN
    expect(countAccepted(impostors, threshold)).toBeLessThanOrEqual(rate * 1000 + 1e-6)
    expect(countAccepted(impostors, threshold - 1e-4)).toBeGreaterThan(rate * 1000)
  }
  expect(similarityAtRate(impostors, 0.0009)).toBeUndefined()
})

test("quantiles of the normal distribution agree with published values, and with their shares", () => {
  // Any table of it: 5 %, 2.5 %, 0.1 %, one in a million, one in a thousand million.
  const quantiles = [0.05, 0.025, 1e-3, 1e-6, 1e-9].map(normalQuantile)
  for (const [i, expected] of [1.644854, 1.959964, 3.090232, 4.753424, 5.997807].entries())
    expect(quantiles[i]).toBeCloseTo(expected, 5)
  for (const share of [0.3, 1e-4, 1e-8]) expect(normalAbove(normalQuantile(share)) / share).toBeCloseTo(1, 5)
  expect(normalAbove(-1.959964)).toBeCloseTo(0.975, 6)
})

test("a normal tail is extrapolated to where it goes on, and too few pairs to nowhere", () => {
  const count = 20_000
  const half = Array.from({ length: count / 2 - 1 }, (_, i) => 0.05 + 0.1 * normalQuantile((i + 0.5) / count))
  const impostors = sortSimilarities([...half, ...half.map((similarity) => 0.1 - similarity)])
  expect(extrapolatedSimilarityAtRate(impostors, 1e-6)).toBeCloseTo(0.05 + 0.1 * normalQuantile(1e-6), 2)
  expect(extrapolatedSimilarityAtRate(impostors, 1e-8)).toBeCloseTo(0.05 + 0.1 * normalQuantile(1e-8), 2)
  expect(extrapolatedSimilarityAtRate(impostors, 0.1)).toBeUndefined()
  expect(extrapolatedSimilarityAtRate(sortSimilarities(half.slice(0, 500)), 1e-6)).toBeUndefined()
  expect(extrapolatedSimilarityAtRate(sortSimilarities(half.map(() => 0.3)), 1e-6)).toBeUndefined()
})

test("the curve rises, and what lies beyond the pairs is marked", () => {
  const impostors = sortSimilarities(Array.from({ length: 20_000 }, (_, i) => -0.05 * Math.log((i + 0.5) / 20_000)))
  const curve = calibrationCurve(impostors, [1e-5, 1e-1, 1e-3, 1e-4, 1e-2]) ?? []
  expect(curve.map((point) => point.fmr)).toEqual([1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
  expect(curve.map((point) => point.extrapolated ?? false)).toEqual([false, false, false, false, true])
  const similarities = curve.map((point) => point.similarity)
  expect(similarities).toEqual(similarities.toSorted((a, b) => a - b))
  expect(calibrationCurve(sortSimilarities([0.1, 0.2]), [1e-4])).toBeUndefined()
})

test("a rate that fewer than ten impostor pairs carry is called too small", () => {
  const impostors = sortSimilarities(Array.from({ length: 1000 }, (_, i) => i / 2000))
  const sorted = sortSimilarities(genuine)
  expect(acceptanceAtRate(sorted, impostors, 1e-2).tooFew).toBe(false)
  expect(acceptanceAtRate(sorted, impostors, 1e-3).tooFew).toBe(true)
  expect(acceptanceAtRate(sorted, impostors, 1e-4)).toEqual({ far: 1e-4, tooFew: true })
  expect(acceptanceAtRate(sorted, impostors, 1e-2).trueAccepts?.count).toBe(4)
})
