import { expect, test } from "bun:test"
import { createGauss, createRandom } from "../../app/base/random.ts"
import { falseMatchRate, falsePositiveRate, oddsAt, thresholdFor } from "../../app/gallery/odds.ts"

const curve = [
  { fmr: 1e-2, similarity: 0.2, interval: { low: 5e-3, high: 2e-2 } },
  { fmr: 1e-4, similarity: 0.4, interval: { low: 5e-5, high: 2e-4 } },
  { fmr: 1e-6, similarity: 0.6, interval: { low: 1e-7, high: 1e-5 }, extrapolated: true },
]

test("the rate of a question and that of a comparison are the two sides of one sum", () => {
  expect(falsePositiveRate(1e-4, 100)).toBeCloseTo(1 - (1 - 1e-4) ** 100, 12)
  expect(falseMatchRate(0.01, 1)).toBeCloseTo(0.01, 12)
  for (const comparisons of [1, 7, 100, 10_000, 1_000_000])
    for (const rate of [1e-6, 0.003, 0.01, 0.5])
      expect(falsePositiveRate(falseMatchRate(rate, comparisons), comparisons) / rate).toBeCloseTo(1, 9)
  expect(falsePositiveRate(1e-4, 0)).toBe(0)
})

test("a hundred times the faces ask for a hundredth of the rate, and the threshold follows the curve", () => {
  expect(thresholdFor(curve, 0.01, 100, 1)).toBeCloseTo(0.4, 3)
  expect(thresholdFor(curve, 0.01, 10_000, 1)).toBeCloseTo(0.6, 3)
  expect(thresholdFor(curve, 0.001, 1000, 1)).toBeCloseTo(0.6, 3)
  // However few there are, a comparison may not err more often than this.
  expect(thresholdFor(curve, 0.01, 1, 1e-4)).toBe(0.4)
  expect(thresholdFor(curve, 0.01, 0, 1e-4)).toBe(0.4)
})

test("what a threshold is worth, is read from the curve with its interval", () => {
  const { interval, ...odds } = oddsAt(curve, 0.4, 100)
  expect(odds).toEqual({ falsePositiveRate: falsePositiveRate(1e-4, 100), extrapolated: false, comparisons: 100 })
  expect(interval).toEqual({ low: falsePositiveRate(5e-5, 100), high: falsePositiveRate(2e-4, 100) })
  expect(oddsAt(curve, 0.3, 1).falsePositiveRate).toBeCloseTo(1e-3, 9)
  for (const comparisons of [100, 3000, 10_000])
    expect(oddsAt(curve, thresholdFor(curve, 0.01, comparisons, 1), comparisons).falsePositiveRate).toBeCloseTo(0.01, 6)
})

test("beyond the last observed impostor it says so, and below the curve it promises nothing", () => {
  expect([0.4, 0.401, 0.6, 0.9].map((threshold) => oddsAt(curve, threshold, 10).extrapolated)).toEqual([
    false,
    true,
    true,
    true,
  ])
  expect(oddsAt(curve, 0.8, 1).falsePositiveRate).toBeCloseTo(1e-8, 15)
  expect(oddsAt(curve, 0.2, 1).falsePositiveRate).toBe(0.01)
  expect(oddsAt(curve, 0.1, 1)).toMatchObject({ falsePositiveRate: 1, extrapolated: true })
})

test("a calibration without intervals gives odds without one", () => {
  const plain = curve.map(({ interval: _, ...point }) => point)
  expect(oddsAt(plain, 0.5, 10)).not.toHaveProperty("interval")
})

test("numbers of chance repeat with their seed, and are normal where they should be", () => {
  expect([createRandom(5)(), createRandom(5)()]).toEqual([createRandom(5)(), createRandom(5)()])
  const gauss = createGauss(createRandom(1))
  const drawn = Array.from({ length: 20_000 }, gauss)
  const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length
  const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length
  expect(Math.abs(mean)).toBeLessThan(0.03)
  expect(Math.abs(variance - 1)).toBeLessThan(0.05)
  expect(drawn.filter((value) => Math.abs(value) > 1.96).length / drawn.length).toBeCloseTo(0.05, 2)
})
