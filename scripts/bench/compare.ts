/**
 * Whether a build is slower than another: fails (exit code 1) when p99, error rate or throughput is more than 5 % worse and the
 * noise of paired runs does not explain it (`compare/verdict.ts` has the method).
 *
 *   bun scripts/bench/compare.ts before.json after.json
 *   bun scripts/bench/compare.ts --before a1.json --before a2.json --after b1.json --after b2.json    # runs taken by turns
 */
import { parseArgs } from "node:util"
import { printComparison } from "./compare/table.ts"
import { compareResults, passes } from "./compare/verdict.ts"
import { type BenchResult, readResult } from "./support/results.ts"

const usage = "compare BEFORE.json AFTER.json, or compare --before FILE … --after FILE …, as often as there are runs"

const { before, after } = readPaths(Bun.argv.slice(2))
const compared = compareResults(await readAll(before), await readAll(after))
if (compared.figures.length === 0) stop("the files have no figure in common: they are of different benchmarks")
printComparison(compared)
const passed = passes(compared)
console.log(passed ? "no regression" : "REGRESSION: see the figures marked worse")
process.exit(passed ? 0 : 1)

function readPaths(argv: readonly string[]): { before: readonly string[]; after: readonly string[] } {
  const list = { type: "string", multiple: true } as const
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { before: list, after: list },
      allowPositionals: true,
    })
    const [first, second, ...more] = positionals
    if (first !== undefined && second !== undefined && more.length === 0) return { before: [first], after: [second] }
    if (positionals.length === 0 && values.before && values.after) return { before: values.before, after: values.after }
  } catch (error) {
    stop(error instanceof Error ? error.message : String(error))
  }
  return stop("two results are compared")
}

async function readAll(paths: readonly string[]): Promise<BenchResult[]> {
  const results: BenchResult[] = []
  for (const path of paths) {
    const read = await readResult(path)
    if (read.kind === "failed") stop(read.why)
    results.push(read.value)
  }
  return results
}

function stop(why: string): never {
  console.error(`${why}\n\n${usage}`)
  process.exit(2)
}
