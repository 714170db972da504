import { expect, test } from "bun:test"
import { goldenError, syntheticTensor } from "../../app/inference/engine/golden.ts"
import type { Golden } from "../../app/inference/manifest.ts"

const golden: Golden = {
  file: "x.onnx",
  shape: [1],
  seed: 1,
  low: 0,
  high: 1,
  outputs: { a: { shape: [1, 6], stride: 2, values: [1, -4, 2] }, b: { shape: [2], stride: 1, values: [0, 0] } },
  tolerance: 0.001,
}
const answer = {
  a: { shape: [1, 6], data: Float32Array.of(1, 9, -4, 9, 2, 9) },
  b: { shape: [2], data: Float32Array.of(0, 0) },
}

test("a synthetic tensor has the values of the documented generator", () => {
  // 1 · 1664525 + 1013904223 = 1015568748; once more, modulo 2³²: 1586005467.
  const places = [1015568748, 1586005467].map((state) => Math.floor(state / 256) / 2 ** 24)
  expect([...syntheticTensor([2], 1, 0, 1)]).toEqual(places)
  expect([...syntheticTensor([1, 2], 1, -3, 5)]).toEqual(places.map((place) => Math.fround(-3 + 8 * place)))
})

test("a synthetic tensor fills its range evenly", () => {
  const values = syntheticTensor([3, 100, 100], 7, -1, 1)
  expect(values).toHaveLength(30_000)
  expect(values.every((value) => value >= -1 && value < 1)).toBe(true)
  const quarters = [0, 0, 0, 0]
  for (const value of values) quarters[Math.floor((value + 1) * 2)]! += 1
  for (const quarter of quarters) expect(Math.abs(quarter - 7500)).toBeLessThan(300)
  expect(syntheticTensor([3], 8, -1, 1)).not.toEqual(values.slice(0, 3))
})

test("the error is the largest difference, as a share of the output's largest value", () => {
  expect(goldenError(golden, answer)).toBe(0)
  expect(goldenError(golden, { ...answer, a: { shape: [1, 6], data: Float32Array.of(1, 0, -4, 0, 2.5, 0) } })).toBe(0.125)
  expect(goldenError(golden, { ...answer, b: { shape: [2], data: Float32Array.of(0, 0.25) } })).toBe(0.25)
})

test.each([
  ["an output that is missing", { a: answer.a }],
  ["another shape", { ...answer, a: { ...answer.a, shape: [6] } }],
  ["fewer values than the shape says", { ...answer, a: { shape: [1, 6], data: Float32Array.of(1, 9, -4) } }],
  ["a value that is no number", { ...answer, a: { shape: [1, 6], data: Float32Array.of(1, 9, Number.NaN, 9, 2, 9) } }],
  ["an infinite value", { ...answer, b: { shape: [2], data: Float32Array.of(0, Number.POSITIVE_INFINITY) } }],
])("%s is infinitely wrong", (_, outputs) => {
  expect(goldenError(golden, outputs)).toBe(Number.POSITIVE_INFINITY)
})
