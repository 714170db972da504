/**
 * Writes the golden lists anew: `bun tests/accuracy/write-golden.ts [set …]`. Only when a change of the similarities is meant;
 * run `scripts/calibrate.ts` with it, and say in the commit why they changed.
 */
import { evaluate } from "../../app/cli/eval/evaluate.ts"
import { embedPhotographs, type GoldenPairs, goldenPath, judgedSets } from "./photographs.ts"

const perLine = 12
for (const name of process.argv.length > 2 ? process.argv.slice(2) : judgedSets) {
  const { set, list, vectors } = await embedPhotographs(name)
  const { pairs } = evaluate(list, vectors, {})
  const golden: GoldenPairs = {
    space: set.embedder.manifest.space,
    similarities: pairs.map((pair) => Number((pair.similarity ?? Number.NaN).toFixed(4))),
  }
  const lines = golden.similarities.flatMap((_, i) =>
    i % perLine === 0 ? [`    ${golden.similarities.slice(i, i + perLine).join(", ")}`] : [],
  )
  await Bun.write(goldenPath(name), `{\n  "space": "${golden.space}",\n  "similarities": [\n${lines.join(",\n")}\n  ]\n}\n`)
  console.log(goldenPath(name))
}
process.exit(0)
