import { expect, test } from "bun:test"
import { createJudge, pairThresholds, presentThresholds } from "../../app/pipeline/judge.ts"
import { decisionOptions } from "../../app/pipeline/options.ts"
import { paintedCurve } from "../support/judge.ts"

function judgeWith(faces: number, given: Parameters<typeof decisionOptions.parse>[0] = {}) {
  return createJudge({ curve: paintedCurve, options: decisionOptions.parse(given), facesSearched: () => faces })
}

test("the more faces are searched, the nearer a match has to be, and the odds stay as wanted", () => {
  const [few, hundred, many] = [1, 100, 10_000].map((faces) => judgeWith(faces)({}))
  expect(few?.match).toBe(0.6)
  expect(few?.odds).toEqual({ falsePositiveRate: expect.closeTo(1e-4, 9), extrapolated: false, comparisons: 1 })
  expect(hundred?.match).toBeCloseTo(0.6, 2)
  expect(many?.match).toBeCloseTo(0.9, 2)
  expect(many?.odds).toEqual({ falsePositiveRate: expect.closeTo(0.01, 6), extrapolated: true, comparisons: 10_000 })
  // At no size is everybody uncertain.
  expect(few?.uncertain).toBe(0.3)
  expect(many?.uncertain).toBeCloseTo(0.6 + 0.3 * Math.log10(1e-4 / 2.23e-5) * 0.5, 2)
})

test("a group is judged by its own size", () => {
  const judge = createJudge({
    curve: paintedCurve,
    options: decisionOptions.parse({}),
    facesSearched: (group) => (group === undefined ? 10_000 : 100),
  })
  expect(judge({ group: "staff" }).match).toBeLessThan(judge({}).match)
  expect(judge({ group: "staff" }).odds.comparisons).toBe(100)
})

test("cameras and groups may want another rate; of two that apply the stricter one counts", () => {
  const judge = judgeWith(100, {
    cameras: { vault: { falsePositiveRate: 0.0001 }, hall: { uncertainRate: 0.01 } },
    groups: { staff: { falsePositiveRate: 0.001 } },
  })
  const rate = (asked: Parameters<typeof judge>[0]) => judge(asked).odds.falsePositiveRate
  expect(rate({ camera: "door" })).toBeCloseTo(0.01, 4)
  expect(rate({ camera: "vault" })).toBeCloseTo(0.0001, 8)
  expect(rate({ group: "staff" })).toBeCloseTo(0.001, 7)
  expect(rate({ camera: "vault", group: "staff" })).toBeCloseTo(0.0001, 8)
  expect(judge({ camera: "hall" }).uncertain).toBeGreaterThan(judge({ camera: "door" }).uncertain)
  // A name that every object has is the name of no camera.
  expect(rate({ camera: "constructor" })).toBeCloseTo(0.01, 4)
})

test("an explicit threshold comes before what would be derived, and has its odds told as well", () => {
  const judge = judgeWith(100, {
    threshold: 0.7,
    cameras: { gate: { threshold: 0.8 }, hall: { falsePositiveRate: 0.05 } },
    groups: { staff: { threshold: 0.75 } },
  })
  expect(judge({}).match).toBe(0.7)
  expect(judge({}).odds.falsePositiveRate).toBeCloseTo(1 - (1 - 10 ** -(4 + 2 / 3)) ** 100, 9)
  expect(judge({ camera: "gate", group: "staff" }).match).toBe(0.8)
  expect(judge({ group: "staff" }).match).toBe(0.75)
  expect(judge({ camera: "hall" }).match).toBeCloseTo(0.6, 2)
  expect(judge({ camera: "gate", threshold: 0.2 })).toMatchObject({ match: 0.2, uncertain: 0.2 })
})

test("two pictures are judged by the rate of one comparison", () => {
  expect(pairThresholds(paintedCurve, decisionOptions.parse({}))).toEqual({ match: 0.6, uncertain: 0.3 })
  expect(pairThresholds(paintedCurve, decisionOptions.parse({ falseMatchRateMax: 1e-6 })).match).toBe(0.9)
  expect(pairThresholds(paintedCurve, decisionOptions.parse({ threshold: 0.25 }))).toEqual({ match: 0.25, uncertain: 0.25 })
})

test("present thresholds are those of the moment at which they are read", () => {
  let faces = 100
  const thresholds = presentThresholds(
    createJudge({ curve: paintedCurve, options: decisionOptions.parse({}), facesSearched: () => faces }),
  )
  const before = thresholds.match
  faces = 10_000
  expect(thresholds.match).toBeGreaterThan(before)
})
