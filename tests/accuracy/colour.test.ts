import { expect, test } from "bun:test"
import { colourSimilarities } from "./colour.ts"
import { canJudgeColour, goldenPath, judgedSets, readGolden } from "./photographs.ts"

/** The same pixels through the same networks: only rounding is left, and boxes that differ by it. */
const differenceMax = 0.01
const differentPairsMax = 3

for (const name of judgedSets) {
  test.skipIf(!canJudgeColour(name))(`${name}: twelve people in colour are as alike as in the golden list`, async () => {
    const golden = await readGolden(goldenPath(`${name}-colour`))
    const { space, similarities } = await colourSimilarities(name)
    expect(space).toBe(golden.space)
    expect(similarities.length).toBe(golden.similarities.length)
    const different = similarities.filter(
      (value, i) => Math.abs(value - (golden.similarities[i] ?? Number.NaN)) > differenceMax,
    )
    expect(different.length).toBeLessThanOrEqual(differentPairsMax)
  })
}
