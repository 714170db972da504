/**
 * Writes the golden lists anew: `bun tests/accuracy/write-golden.ts [set …]`. Only when a change of the similarities is meant;
 * run `scripts/calibrate.ts` with it, and say in the commit why they changed.
 */
import { evaluate } from "../../app/cli/eval/evaluate.ts"
import { colourSimilarities } from "./colour.ts"
import { embedPhotographs, type GoldenPairs, goldenPath, judgedSets } from "./photographs.ts"

for (const name of process.argv.length > 2 ? process.argv.slice(2) : judgedSets) {
  const { set, list, vectors } = await embedPhotographs(name)
  const { pairs } = evaluate(list, vectors, {})
  const similarities = pairs.map((pair) => Number((pair.similarity ?? Number.NaN).toFixed(4)))
  await write(name, { space: set.embedding.space, similarities })
  await write(`${name}-colour`, await colourSimilarities(name))
}
process.exit(0)

/** A few numbers to a line, so that a change shows where it is. */
async function write(name: string, { space, similarities }: GoldenPairs): Promise<void> {
  const perLine = 12
  const lines = similarities.flatMap((_, i) =>
    i % perLine === 0 ? [`    ${similarities.slice(i, i + perLine).join(", ")}`] : [],
  )
  await Bun.write(goldenPath(name), `{\n  "space": "${space}",\n  "similarities": [\n${lines.join(",\n")}\n  ]\n}\n`)
  console.log(goldenPath(name))
}
