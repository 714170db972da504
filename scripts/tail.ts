/**
 * Which model of the tail says rightly how often strangers are so alike that nobody like them was observed:
 * `bun scripts/tail.ts <set> [people …]`. Models are fitted to the pairs of some people drawn at random, and judged by the pairs of
 * all others: the mean of how many times the wanted rate was measured there, over 60 draws. 1 is right, above 1 too lenient.
 */
import { createRandom, shuffled } from "../app/base/random.ts"
import { crossPairs } from "../app/cli/eval/rate-intervals.ts"
import { fitNormalTail, tailGrid, tailSimilarity } from "../app/face/normal-tail.ts"
import { embedListed, locateSet, readListed } from "./photographs.ts"

type Model = (falling: readonly number[], pairs: number) => (rate: number) => number

const draws = 60
const rates = [1e-3, 1e-4, 1e-5]

const models: Readonly<Record<string, Model>> = { normal, exponential, "generalised Pareto": pareto }

const [name = "better", ...given] = process.argv.slice(2)
const listed = await readListed()
const { similarities, a, b, pictureCounts } = crossPairs(listed, await embedListed(await locateSet(name), listed))
for (const people of given.length === 0 ? [50, 100, 218] : given.map(Number)) {
  for (const [title, model] of Object.entries(models)) {
    const measured = rates.map(() => 0)
    const random = createRandom(7)
    for (let draw = 0; draw < draws; draw++) {
      const fitted = new Set(shuffled([...pictureCounts.keys()], random).slice(0, people))
      const [own, others] = [pairsWithin((person) => fitted.has(person)), pairsWithin((person) => !fitted.has(person))]
      const similarityAt = model(own.falling, own.all)
      for (const [i, rate] of rates.entries()) {
        const threshold = similarityAt(rate)
        measured[i]! += others.falling.filter((one) => one >= threshold).length / others.all / rate / draws
      }
    }
    console.log(`${people} people, ${title}: ${rates.map((rate, i) => `${rate}: × ${measured[i]!.toFixed(2)}`).join(", ")}`)
  }
}
process.exit(0)

/** Similarities of the pairs of these people, falling, as far down as they are kept; and how many pairs there are in all. */
function pairsWithin(isOne: (person: number) => boolean) {
  const falling: number[] = []
  for (let i = 0; i < similarities.length; i++) if (isOne(a[i]!) && isOne(b[i]!)) falling.push(similarities[i]!)
  const counts = pictureCounts.filter((_, person) => isOne(person))
  const pictures = counts.reduce((sum, count) => sum + count, 0)
  return { falling, all: (pictures ** 2 - counts.reduce((sum, count) => sum + count ** 2, 0)) / 2 }
}

/** The one in use. */
function normal(falling: readonly number[], pairs: number) {
  const grid = tailGrid(pairs)
  const tail = fitNormalTail(
    grid,
    grid.map((rate) => falling[Math.floor(rate * pairs)] ?? 0),
  )
  if (tail === undefined) throw new Error("too few pairs")
  return (rate: number) => tailSimilarity(tail, rate)
}

/** By the mean excess over the similarity of one pair in a thousand. */
function exponential(falling: readonly number[], pairs: number) {
  const { start, excesses } = above(falling, Math.max(2, Math.floor(pairs * 1e-3)))
  const mean = excesses.reduce((sum, excess) => sum + excess, 0) / excesses.length
  return (rate: number) => start + mean * Math.log(excesses.length / pairs / rate)
}

/** By maximum likelihood of what exceeds the similarity of one pair in a hundred (Grimshaw's profile, on a grid). */
function pareto(falling: readonly number[], pairs: number) {
  const { start, excesses } = above(falling, Math.max(8, Math.floor(pairs * 1e-2)))
  const mean = excesses.reduce((sum, excess) => sum + excess, 0) / excesses.length
  let [best, shape, scale] = [Number.NEGATIVE_INFINITY, 0, mean]
  for (let step = -60; step <= 60; step++) {
    if (step === 0) continue
    const ratio = step < 0 ? ((step / 60) * 0.98) / excesses[0]! : ((step / 60) * 4) / mean
    const sum = excesses.reduce((total, excess) => total + Math.log1p(ratio * excess), 0)
    const [ownShape, ownScale] = [sum / excesses.length, sum / excesses.length / ratio]
    if (!(ownScale > 0) || ownShape < -0.5) continue
    const likelihood = -excesses.length * Math.log(ownScale) - (1 + 1 / ownShape) * sum
    if (likelihood > best) [best, shape, scale] = [likelihood, ownShape, ownScale]
  }
  return (rate: number) => start + (scale / shape) * ((excesses.length / pairs / rate) ** shape - 1)
}

function above(falling: readonly number[], count: number) {
  const start = falling[count] ?? 0
  return { start, excesses: falling.slice(0, count).map((similarity) => similarity - start) }
}
