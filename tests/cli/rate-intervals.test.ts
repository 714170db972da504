import { expect, test } from "bun:test"
import { createGauss, createRandom } from "../../app/base/random.ts"
import { calibrate } from "../../app/cli/eval/calibrate.ts"
import { crossPairs, rateIntervals } from "../../app/cli/eval/rate-intervals.ts"
import { toUnit } from "../../app/face/embedding.ts"

/** Made-up people in 16 dimensions, two pictures each: strangers' similarities spread around 0 with a quarter. */
function madeUp(people: number, seed = 1) {
  const gauss = createGauss(createRandom(seed))
  const pictures: { person: string; file: string }[] = []
  const vectors = new Map<string, Float32Array>()
  for (let i = 0; i < people; i++) {
    const person = `person${String(i).padStart(4, "0")}`
    const centre = Array.from({ length: 16 }, gauss)
    for (const photo of ["1", "2"]) {
      const file = `${person}/${photo}`
      pictures.push({ person, file })
      vectors.set(file, toUnit(centre.map((part) => part + 0.3 * gauss())) ?? new Float32Array(16))
    }
  }
  return { pictures, vectors }
}

test("cross pairs are those of two people, the most similar first", () => {
  const { pictures, vectors } = madeUp(30)
  const { similarities, a, b, pictureCounts } = crossPairs(pictures, vectors)
  expect(pictureCounts).toEqual(Array.from({ length: 30 }, () => 2))
  expect(similarities.length).toBe(Math.ceil(((60 * 58) / 2) * 0.2))
  expect([...similarities]).toEqual([...similarities].toSorted((one, other) => other - one))
  expect([...a].some((person, i) => person === b[i])).toBe(false)
})

test("the interval of a rate holds the true one, and narrows with more people", () => {
  const few = madeUp(60)
  const many = madeUp(240, 2)
  const truth = madeUp(500, 3)
  const all = crossPairs(truth.pictures, truth.vectors)
  const point = { fmr: 0.01, similarity: all.similarities[Math.floor(all.similarities.length * 0.05)] ?? 0 }
  const [ofFew] = rateIntervals(crossPairs(few.pictures, few.vectors), [point])
  const [ofMany] = rateIntervals(crossPairs(many.pictures, many.vectors), [point])
  for (const interval of [ofFew, ofMany]) {
    expect(interval?.low).toBeLessThan(0.01)
    expect(interval?.high).toBeGreaterThan(0.01)
  }
  const width = (interval?: { low: number; high: number }) => (interval?.high ?? 0) - (interval?.low ?? 0)
  expect(width(ofMany)).toBeLessThan(width(ofFew))
})

test("a calibration says of how many people and pairs it is, with an interval at every point", () => {
  const { pictures, vectors } = madeUp(200)
  const calibration = calibrate(pictures, vectors, "made up")
  expect(calibration).toMatchObject({ people: 100, impostorPairs: 19_800, tail: { model: "normal", fromFmr: 0.02 } })
  expect(calibration?.curve.map(({ extrapolated }) => extrapolated === true)).toEqual([
    ...[false, false, false, false],
    ...[true, true, true, true],
  ])
  for (const { fmr, interval = { low: 1, high: 0 }, extrapolated } of calibration?.curve ?? []) {
    expect(interval.low).toBeLessThan(interval.high)
    // These people are no normal crowd: a rate that was counted holds, and one that was fitted need not.
    if (extrapolated !== true) expect([interval.low < fmr, interval.high > fmr]).toEqual([true, true])
  }
})
