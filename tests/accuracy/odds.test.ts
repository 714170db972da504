import { expect, test } from "bun:test"
import { splitPeople } from "../../app/cli/eval/calibrate.ts"
import { measureOpenSet } from "../../app/cli/eval/open-set.ts"
import { measureSpread } from "../../app/cli/eval/synthetic.ts"
import { falseMatchRate } from "../../app/gallery/odds.ts"
import { createJudge } from "../../app/pipeline/judge.ts"
import { decisionOptions } from "../../app/pipeline/options.ts"
import { canJudge, embedPhotographs, judgedSets } from "./photographs.ts"

const wantedRate = 0.01
const sizes = [100, 10_000]

for (const name of judgedSets) {
  test.skipIf(!canJudge(name))(
    `${name}: strangers the calibration has never seen are taken for somebody as often as the odds say, among 100 and among 10,000`,
    async () => {
      const { set, list, vectors } = await embedPhotographs(name)
      const { curve } = set.embedding.calibration
      const [calibrated, heldBack] = splitPeople(list.pictures)
      const judged = (faces: number) => {
        const options = decisionOptions.parse({ falsePositiveRate: wantedRate })
        return createJudge({ curve, options, facesSearched: () => faces })({})
      }

      // A hundred times the people: a hundredth of the rate for each, and what the curve says of that.
      const [few, many] = sizes.map(judged)
      const point = (fmr: number) => curve.find((point) => point.fmr === fmr)?.similarity ?? Number.NaN
      expect(falseMatchRate(wantedRate, 10_000)).toBeCloseTo(1e-6, 7)
      expect(few?.match).toBeCloseTo(point(1e-4), 3)
      expect(many?.match).toBeCloseTo(point(1e-6), 3)
      expect([few?.odds.extrapolated, many?.odds.extrapolated]).toEqual([false, true])

      const { rows } = measureOpenSet({
        pictures: heldBack,
        vectors,
        sizes,
        rates: [wantedRate],
        spread: measureSpread(calibrated.flatMap(({ file }) => vectors.get(file) ?? [])),
        thresholdOf: (_, size) => ({ threshold: judged(size).match, extrapolated: judged(size).odds.extrapolated }),
      })
      for (const [i, { size, realPeople, box }] of rows.entries()) {
        const interval = judged(sizes[i] ?? 0).odds.interval ?? { low: 1, high: 0 }
        const words = [
          interval.low,
          interval.high,
          box.fpir.share,
          box.fpir.interval.low,
          box.fpir.interval.high,
          box.fnir.share,
        ]
        console.log(
          `${name}: ${size} enrolled (${realPeople} real), ${box.fpir.of} strangers, threshold ${box.threshold.toFixed(4)}: odds, measured, 95 %, FNIR: ${words.map((value) => value.toFixed(4))}`,
        )
        // What was wanted is not refuted by these people, and what they did is within what the odds allow.
        expect(box.fpir.interval.low).toBeLessThanOrEqual(wantedRate)
        expect(box.fpir.share).toBeLessThanOrEqual(interval.high)
        expect(box.fpir.interval.high).toBeGreaterThanOrEqual(interval.low)
      }
    },
    240_000,
  )
}
