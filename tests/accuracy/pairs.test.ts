import { expect, test } from "bun:test"
import { calibrate } from "../../app/cli/eval/calibrate.ts"
import { evaluate } from "../../app/cli/eval/evaluate.ts"
import { bestThreshold } from "../../app/face/statistics.ts"
import { pairThresholds } from "../../app/pipeline/judge.ts"
import { decisionOptions } from "../../app/pipeline/options.ts"
import { canJudge, embedPhotographs, goldenPath, judgedSets, readGolden } from "./photographs.ts"

/** Of two pictures: the rates at which strangers are told to be the same, or perhaps. */
const options = decisionOptions.parse({})
const { falseMatchRateMax: matchFmr, uncertainMatchRateMax: uncertainFmr } = options

/** Least accuracy on the 600 pairs: the figures measured when the sets were chosen, less one or two pairs. */
const accuracyMin = { better: 0.985, light: 0.985, default: 0.988 } as const

const differenceMax = 0.01
/** Other processors round differently, and a face at the edge of the detector's mind may be boxed otherwise. */
const differentPairsMax = 3

/** Eight hundred photographs on one slow core. */
const embedMs = 240_000

for (const name of judgedSets) {
  const withPhotographs = test.skipIf(!canJudge(name))

  withPhotographs(
    `${name}: the similarities of the 600 pairs are those of the golden list`,
    async () => {
      const golden = await readGolden(goldenPath(name))
      const { set, list, vectors } = await embedPhotographs(name)
      const { pairs } = evaluate(list, vectors, {})
      expect(set.embedding.space as string).toBe(golden.space)
      expect(pairs.length).toBe(golden.similarities.length)
      const different = pairs.flatMap((pair, i) => {
        const expected = golden.similarities[i] ?? Number.NaN
        const near = Math.abs((pair.similarity ?? Number.NaN) - expected) <= differenceMax
        return near ? [] : [`${pair.a} ${pair.b}: ${pair.similarity}, golden ${expected}`]
      })
      expect(different.length > differentPairsMax ? different : []).toEqual([])

      const same = pairs.map((pair) => pair.same)
      const { threshold } = bestThreshold(golden.similarities.map((similarity, i) => ({ similarity, same: same[i] ?? false })))
      const otherwise = pairs.filter((pair, i) => {
        const expected = golden.similarities[i] ?? Number.NaN
        return (pair.similarity ?? -1) >= threshold !== expected >= threshold
      })
      expect(otherwise.length).toBeLessThanOrEqual(differentPairsMax)
    },
    embedMs,
  )

  withPhotographs(
    `${name}: every face is found, and the pairs are told apart as well as promised`,
    async () => {
      const { list, vectors } = await embedPhotographs(name)
      const evaluation = evaluate(list, vectors, {})
      expect(evaluation.picturesWithoutFace).toEqual([])
      expect(evaluation.crossValidation.mean).toBeGreaterThanOrEqual(accuracyMin[name])
    },
    embedMs,
  )

  withPhotographs(
    `${name}: the calibration in the manifest is the one these photographs give`,
    async () => {
      const { set, list, vectors } = await embedPhotographs(name)
      const { calibration } = set.embedding
      const again = calibrate(list.pictures, vectors, "")
      expect(calibration.impostorPairs).toBe(again?.impostorPairs ?? 0)
      expect(calibration.curve.map((point) => point.fmr)).toEqual(again?.curve.map((point) => point.fmr) ?? [])
      for (const [i, { similarity }] of calibration.curve.entries())
        expect(Math.abs(similarity - (again?.curve[i]?.similarity ?? 0))).toBeLessThanOrEqual(differenceMax)
    },
    embedMs,
  )

  withPhotographs(
    `${name}: on people the thresholds have never seen, they hold what they say`,
    async () => {
      const { set, list, vectors } = await embedPhotographs(name)
      const { match, uncertain } = pairThresholds(set.embedding.calibration.curve, options)
      const again = calibrate(list.pictures, vectors, "")
      const heldOut = (fmr: number) => again?.heldOut.find((statement) => statement.fmr === fmr)
      expect(match).toBeGreaterThan(uncertain)
      // Eight impostor pairs of the other half at 1e-4: twice as many are still within what chance does.
      expect(heldOut(matchFmr)?.measuredFmr).toBeLessThanOrEqual(2 * matchFmr)
      expect(heldOut(uncertainFmr)?.measuredFmr).toBeLessThanOrEqual(1.3 * uncertainFmr)
      expect(heldOut(matchFmr)?.measuredTar).toBeGreaterThanOrEqual(0.94)
    },
    embedMs,
  )
}
