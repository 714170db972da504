import { expect, test } from "bun:test"
import { createGauss, createRandom } from "../../app/base/random.ts"
import { measureOpenSet, type OpenSetNeeds } from "../../app/cli/eval/open-set.ts"
import { readSizes } from "../../app/cli/eval/open-set-command.ts"
import { formatOpenSet } from "../../app/cli/eval/open-set-report.ts"
import { drawPeople, measureSpread } from "../../app/cli/eval/synthetic.ts"
import { similarity, toUnit } from "../../app/face/embedding.ts"

const dimension = 32

/** People around a common mean, each with so many pictures, `within` around their own centre. */
function madeUp(people: number, pictures: number, within: number): Pick<OpenSetNeeds, "pictures" | "vectors"> {
  const gauss = createGauss(createRandom(people))
  const vectors = new Map<string, Float32Array>()
  const listed = Array.from({ length: people }, (_, i) => `person${i}`).flatMap((person) => {
    const centre = Array.from({ length: dimension }, (_, axis) => (axis === 0 ? 1 : gauss() * (axis < 8 ? 1.5 : 0.7)))
    return Array.from({ length: pictures }, (_, i) => {
      const file = `${person}/${i}`
      vectors.set(file, toUnit(centre.map((part) => part + within * gauss())) ?? new Float32Array())
      return { person, file }
    })
  })
  return { pictures: listed, vectors }
}

const at = (threshold: number) => () => ({ threshold, extrapolated: false })

test("who is easily told apart is found, and strangers are not; whatever is below the threshold is missed", () => {
  const given = { ...madeUp(60, 2, 0.05), sizes: [20], rates: [0.05] }
  const [easy] = measureOpenSet({ ...given, thresholdOf: at(0.95) }).rows
  expect(easy).toMatchObject({ size: 20, realPeople: 20, box: { fpir: { share: 0, of: 60 }, fnir: { share: 0 } } })
  const [strict] = measureOpenSet({ ...given, thresholdOf: at(1.01) }).rows
  expect(strict?.box.fnir.share).toBe(1)
  const [lenient] = measureOpenSet({ ...given, thresholdOf: at(-1) }).rows
  expect(lenient?.box.fpir.share).toBe(1)
  // Nearest, if not near enough: everybody is found by who is nearest.
  expect(lenient?.box.fnir.share).toBe(0)
})

test("somebody who is nearer to another one is missed at every threshold", () => {
  const { rows } = measureOpenSet({ ...madeUp(60, 2, 3), sizes: [30], rates: [0.05], thresholdOf: at(-1) })
  expect(rows[0]?.box.fnir.share).toBeGreaterThan(0.2)
})

test("the threshold by the pictures themselves keeps the wanted rate, and is not told where they cannot show it", () => {
  const needs = { ...madeUp(80, 2, 1), sizes: [30], rates: [0.05, 0.001] }
  const [shown, hidden] = measureOpenSet({ ...needs, thresholdOf: at(0.5) }).rows
  const again = measureOpenSet({ ...needs, rates: [0.05], thresholdOf: at(shown?.measured?.threshold ?? 1) }).rows[0]
  expect(again?.box.fpir.share).toBeLessThanOrEqual(0.05)
  expect(again?.box.fpir.share).toBeGreaterThan(0.03)
  expect(hidden?.measured).toBeUndefined()
})

test("larger galleries are filled up with synthetic people, and mistake more strangers", () => {
  const needs = { ...madeUp(60, 2, 0.5), sizes: [20, 500, 5000], rates: [0.05], thresholdOf: at(0.6) }
  const measured = measureOpenSet(needs)
  expect(measured.rows.map(({ realPeople }) => realPeople)).toEqual([20, 30, 30])
  const rates = measured.rows.map(({ box }) => box.fpir.share)
  expect(rates).toEqual(rates.toSorted((a, b) => a - b))
  expect(rates[2]).toBeGreaterThan(rates[0] ?? 1)
  expect(measureOpenSet(needs)).toEqual(measured)
  const text = formatOpenSet(measured, "made up")
  expect(text).toContain("120 pictures of 60 people")
  expect(text).toContain("are synthetic")
  expect(formatOpenSet(measureOpenSet({ ...needs, sizes: [20] }), "made up")).not.toContain("synthetic")
})

test("synthetic people are as alike as the real ones", () => {
  const { vectors } = madeUp(100, 1, 0)
  const real = [...vectors.values()]
  const drawn = drawPeople(measureSpread(real), 5)
  const synthetic = Array.from({ length: 400 }, () => drawn.next().value)
  const spreadOf = (of: readonly Float32Array[]) => {
    const near = of.flatMap((one, i) => of.slice(i + 1).map((other) => similarity(one, other)))
    const mean = near.reduce((sum, value) => sum + value, 0) / near.length
    return { mean, deviation: Math.sqrt(near.reduce((sum, value) => sum + (value - mean) ** 2, 0) / near.length) }
  }
  expect(spreadOf(synthetic).mean).toBeCloseTo(spreadOf(real).mean, 1)
  expect(spreadOf(synthetic).deviation / spreadOf(real).deviation).toBeCloseTo(1, 1)
  for (const vector of synthetic.slice(0, 10)) expect(similarity(vector, vector)).toBeCloseTo(1, 5)
})

test("sizes are whole numbers with commas between them", () => {
  expect(readSizes("100,5000")).toEqual({ kind: "ok", value: [100, 5000] })
  for (const text of ["", "0", "1.5", "100;200", "99999999"]) expect(readSizes(text).kind).toBe("failed")
})
