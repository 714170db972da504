import { expect, test } from "bun:test"
import { fastestWithin } from "../../scripts/bench/models/forms.ts"
import { cosineOf } from "../../scripts/bench/models/outputs.ts"

test("the fastest form is chosen among those that lose one pair of 600 at most", () => {
  const original = { form: "original", ms: 20, accuracy: 596 / 600 }
  const prepared = { form: "prepared", ms: 8, accuracy: 595 / 600 }
  const careless = { form: "int8", ms: 3, accuracy: 594 / 600 }
  expect(fastestWithin([original, prepared, careless])).toBe(prepared)
  expect(fastestWithin([original, careless])).toBe(original)
  expect(fastestWithin([])).toBeUndefined()
})

test("outputs are compared name by name, and the worst one counts", () => {
  const tensor = (...values: number[]) => ({ data: Float32Array.from(values), shape: [values.length] })
  const outputs = { a: tensor(1, 2, 3), b: tensor(1, 0) }
  expect(cosineOf(outputs, { a: tensor(2, 4, 6), b: tensor(5, 0) })).toBeCloseTo(1, 7)
  expect(cosineOf(outputs, { a: tensor(1, 2, 3), b: tensor(1, 1) })).toBeCloseTo(Math.SQRT1_2, 7)
  expect(cosineOf(outputs, { other: tensor(1) })).toBeNaN()
})
