import { expect, test } from "bun:test"
import { createDetector } from "../../../app/inference/engine/detectors/create.ts"
import type { Detector } from "../../../app/inference/engine/detectors/detector.ts"
import { cosineMinOf, leastCosine, leastOverlap, overlapMin } from "../../../app/inference/engine/known-answer.ts"
import { openModel } from "../../../app/inference/engine/model.ts"
import { paintedFaces, paintFaces } from "../../../app/inference/engine/painted-picture.ts"
import { acceleratedPlan } from "../../support/native/plan.ts"
import { hasSet, locateSet } from "./support.ts"

const tensor = (...values: number[]) => ({ data: Float32Array.from(values), shape: [values.length] })

test("the least cosine of all outputs counts, and what cannot be compared is as wrong as can be", () => {
  const known = { a: tensor(1, 0), b: tensor(3, 4) }
  expect(leastCosine(known, known)).toBeCloseTo(1, 6)
  expect(leastCosine(known, { a: tensor(1, 0), b: tensor(4, 3) })).toBeCloseTo(0.96, 6)
  expect(leastCosine(known, { a: tensor(1, 0), b: tensor(6, 8) })).toBeCloseTo(1, 6)
  expect(leastCosine(known, { a: tensor(-1, 0), b: tensor(3, 4) })).toBeCloseTo(-1, 6)
  for (const b of [tensor(3, Number.NaN), tensor(3), tensor(0, 0), tensor(Number.POSITIVE_INFINITY, 4)])
    expect(leastCosine(known, { a: tensor(1, 0), b })).toBe(0)
  expect(leastCosine(known, { a: tensor(1, 0) })).toBe(0)
  // Scores of a network that sees nothing: rounding is no difference.
  expect(leastCosine({ a: tensor(1e-7, 0, 0) }, { a: tensor(0, 1e-7, 0) })).toBe(1)
})

test("half precision is judged by its own measure", () => {
  const plan = acceleratedPlan("l", "c")
  expect(cosineMinOf(plan)).toBe(0.99)
  expect(cosineMinOf({ ...plan, tensorrt: { ...plan.tensorrt, fp16: false } })).toBe(0.999)
  expect(cosineMinOf({ ...plan, provider: "cuda" })).toBe(0.999)
  expect(cosineMinOf({ ...plan, provider: "cann" })).toBe(0.99)
})

const drawing = (...widths: number[]): Detector => ({
  detect: async () =>
    widths.map((width, index) => ({
      box: { x: 200 * index, y: 0, width, height: 100 },
      score: 1,
      landmarks: [
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 2],
        [1, 2],
      ],
    })),
})

test("boxes are compared face by face, wherever they stand in the list", async () => {
  const picture = paintFaces()
  expect(await leastOverlap(drawing(100, 80), drawing(100, 80), picture)).toBe(1)
  expect(await leastOverlap(drawing(100, 80), drawing(100, 79), picture)).toBeCloseTo(79 / 80, 6)
  expect((await leastOverlap(drawing(100, 80), drawing(96, 80), picture)) ?? 1).toBeLessThan(overlapMin)
  expect(await leastOverlap(drawing(100), drawing(100, 80), picture)).toBe(0)
  expect(await leastOverlap(drawing(), drawing(100), picture)).toBeUndefined()
})

test.each(["default", "better", "mtcnn"].filter(hasSet))(
  "the detector of set %s finds both faces of the painted picture",
  async (name) => {
    const { detector } = await locateSet(name)
    const opened = await openModel(detector, { threads: 1 })
    if (opened.kind === "failed") throw new Error(opened.why)
    const found = await createDetector(opened.value).detect(paintFaces(), { faceWidthPxMin: 48, input: "full" })
    expect(found).toHaveLength(paintedFaces)
    await opened.value.close()
  },
)
