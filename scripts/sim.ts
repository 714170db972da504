/**
 * Boxes of a site and their hub in one process, with a clock, a network and disks that do what the seed says: outages, lost
 * answers, crashes in the middle of a write, wrong clocks, restores of backups, a hub that comes back shorter, sticks that are
 * plugged in twice. It uses app/sync as it is, and judges what became of every record (tests/sim/oracle.ts). What a seed does, it
 * does again:
 *
 *   bun scripts/sim.ts --seed 42                                    # one seed, with all its figures
 *   bun scripts/sim.ts --seeds 1000 --boxes 20 --operations 5000    # seeds 1 to 1000
 *   bun scripts/sim.ts --seeds 1 --boxes 100 --operations 100000
 *
 * Exit code 1 when an invariant was violated; the seeds are printed.
 */
import { parseArgs } from "node:util"
import { type Outcome, simulate } from "../tests/sim/simulate.ts"
import { suiteChoices } from "../tests/sim/suite.ts"

const usage =
  "bun scripts/sim.ts [--seed N | --seeds COUNT [--from N]] [--boxes N] [--operations N] [--suite plain|aes|gm] [--until-violation]"

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    boxes: { type: "string", default: "20" },
    operations: { type: "string", default: "5000" },
    suite: { type: "string", default: "plain" },
    "until-violation": { type: "boolean", default: false },
  },
})
const suite = suiteChoices.find((choice) => choice === values.suite)
const first = wholeNumber("seed", values.seed ?? values.from)
const seeds = values.seed === undefined ? wholeNumber("seeds", values.seeds ?? "1") : 1
const scenario = { boxes: wholeNumber("boxes", values.boxes), operations: wholeNumber("operations", values.operations) }
if (suite === undefined) stop(`--suite ${values.suite}: one of ${suiteChoices.join(", ")}`)

const sums: Record<string, number> = {}
const failed: number[] = []
let run = 0
for (let seed = first; seed < first + seeds; seed++) {
  const outcome = await simulate({ ...scenario, seed, suite })
  run++
  print(outcome)
  if (outcome.violations.length > 0) failed.push(seed)
  if (failed.length > 0 && values["until-violation"]) break
}
const size = `${scenario.boxes} boxes, ${scenario.operations} operations`
console.log(`${run} seeds of ${size}: ${run - failed.length} without a violation, ${failed.length} with one`)
if (run > 1) console.log(JSON.stringify(sums))
for (const seed of failed.slice(0, 10))
  console.log(
    `again: bun scripts/sim.ts --seed ${seed} --boxes ${scenario.boxes} --operations ${scenario.operations} --suite ${suite}`,
  )
process.exit(failed.length === 0 ? 0 : 1)

function print({ seed, violations, figures }: Outcome): void {
  for (const [name, figure] of Object.entries(figures))
    sums[name] = /Max$|Mb$|healRounds/.test(name) ? Math.max(sums[name] ?? 0, figure) : (sums[name] ?? 0) + figure
  if (violations.length > 0)
    console.log(`seed ${seed}: ${violations.length} violations\n  ${violations.slice(0, 5).join("\n  ")}`)
  if (seeds === 1 || violations.length > 0) console.log(JSON.stringify({ seed, ...figures }))
  else if (run % 50 === 0) console.log(`${run} seeds, ${failed.length} with a violation`)
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  return Number.isSafeInteger(value) && value > 0 ? value : stop(`--${name} ${text}: a whole number greater than 0`)
}

function stop(why: string): never {
  console.error(`${why}\n\n${usage}`)
  process.exit(2)
}
