import { expect, test } from "bun:test"
import { decide, decidePair, similarityAt } from "../../app/gallery/match.ts"

const curve = [
  { fmr: 1e-1, similarity: 0.1 },
  { fmr: 1e-2, similarity: 0.2 },
  { fmr: 1e-3, similarity: 0.3 },
  { fmr: 1e-5, similarity: 0.5 },
]

test("similarities lie on the curve, and between its points straight over the logarithm of the rate", () => {
  expect(similarityAt(curve, 1e-2)).toBe(0.2)
  expect(similarityAt(curve, 1e-4)).toBeCloseTo(0.4, 12)
  expect(similarityAt(curve, 10 ** -1.5)).toBeCloseTo(0.15, 12)
})

test("outside the curve a threshold is never more lenient than asked", () => {
  expect(similarityAt(curve, 0.5)).toBe(0.1)
  expect(similarityAt(curve, 1e-6)).toBeCloseTo(0.6, 12)
  expect(similarityAt(curve, 1e-30)).toBe(1)
})

test("a curve that is not one is refused", () => {
  expect(() => similarityAt([], 1e-4)).toThrow("two points")
  const upsideDown = [
    { fmr: 1e-1, similarity: 0.9 },
    { fmr: 1e-5, similarity: 0.1 },
  ]
  expect(() => similarityAt(upsideDown, 1e-4)).toThrow("lenient to strict")
})

const thresholds = { match: 0.5, uncertain: 0.3 }

test.each([
  [undefined, undefined, "unknown"],
  [0.5, undefined, "match"],
  [0.4999, undefined, "uncertain"],
  [0.3, undefined, "uncertain"],
  [0.2999, undefined, "unknown"],
  [0.55, 0.6, "uncertain"],
  [0.6, 0.6, "match"],
  [0.25, 0.2, "match"],
  [0.19, 0.2, "unknown"],
  [0.99, 1, "uncertain"],
  [-1, -1, "match"],
] as const)("similarity %p with threshold %p is %p", (similarity, override, decision) => {
  expect(decide(similarity, thresholds, override)).toBe(decision)
})

test("a pair is judged by the same thresholds in words of its own", () => {
  expect([0.5, 0.4, 0.1].map((similarity) => decidePair(similarity, thresholds))).toEqual(["same", "uncertain", "different"])
  expect(decidePair(0.5, thresholds, 0.9)).toBe("uncertain")
})
