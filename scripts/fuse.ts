/**
 * How several faces of one person are made one similarity: `bun scripts/fuse.ts <set>`. People with more photographs than `faces`
 * are enrolled with so many, drawn 20 times; their others ask, and all photographs of everybody else. For each rule: how many
 * genuine questions are accepted where as many impostors are accepted as wanted, and how many impostors at the similarity that the
 * calibration gives for one comparison in 10,000.
 */
import { createRandom, shuffled } from "../app/base/random.ts"
import { similarity } from "../app/face/embedding.ts"
import { countAccepted, similarityAtRate, sortSimilarities } from "../app/face/statistics.ts"
import { similarityAt } from "../app/gallery/match.ts"
import { embedListed, locateSet, readListed } from "./photographs.ts"

const draws = 20
const rates = [1e-3, 1e-4]
const singleRate = 1e-4

const meanOfTwo = ([best = -1, second = best]: readonly number[]) => (best + second) / 2
const meanOfAll = (falling: readonly number[]) => falling.reduce((sum, one) => sum + one, 0) / falling.length
const best = ([first = -1]: readonly number[]) => first
const rules: Readonly<Record<string, (falling: readonly number[]) => number>> = {
  "the nearest": best,
  "mean of the best two": meanOfTwo,
  "nearest and mean of the best two": (falling) => (best(falling) + meanOfTwo(falling)) / 2,
  "mean of all": meanOfAll,
  "nearest and mean of all": (falling) => (best(falling) + meanOfAll(falling)) / 2,
}

const set = await locateSet(process.argv[2] ?? "better")
const listed = await readListed()
const vectors = await embedListed(set, listed)
const photographs = Map.groupBy(listed, ({ person }) => person)
const threshold = similarityAt(set.embedding.calibration.curve, singleRate)
const random = createRandom(3)
for (const faces of [1, 2, 3, 5]) {
  const people = [...photographs].filter(([, own]) => own.length > faces).map(([person]) => person)
  const scores = Object.keys(rules).map(() => ({ genuine: [] as number[], impostor: [] as number[] }))
  for (let draw = 0; draw < draws; draw++) for (const person of people) ask(person, faces, scores)
  console.log(`${faces} enrolled of each of ${people.length} people`)
  for (const [i, title] of Object.keys(rules).entries()) {
    const [genuine, impostor] = [sortSimilarities(scores[i]!.genuine), sortSimilarities(scores[i]!.impostor)]
    const accepted = rates.map((rate) => {
      const share = countAccepted(genuine, similarityAtRate(impostor, rate) ?? 1) / genuine.length
      return `${(share * 100).toFixed(2)} % at ${rate}`
    })
    const false1 = countAccepted(impostor, threshold) / impostor.length
    console.log(
      `  ${title}: ${accepted.join(", ")}; at ${threshold}: ${false1.toExponential(1)} of ${impostor.length / draws} impostors`,
    )
  }
}
process.exit(0)

function ask(
  person: string,
  faces: number,
  scores: readonly { readonly genuine: number[]; readonly impostor: number[] }[],
): void {
  const order = shuffled(photographs.get(person) ?? [], random)
  const enrolled = order.slice(0, faces).map(({ file }) => vectorOf(file))
  const near = (file: string) => enrolled.map((one) => similarity(one, vectorOf(file))).sort((one, other) => other - one)
  const note = (kind: "genuine" | "impostor", file: string) => {
    const falling = near(file)
    for (const [i, rule] of Object.values(rules).entries()) scores[i]![kind].push(rule(falling))
  }
  for (const { file } of order.slice(faces)) note("genuine", file)
  for (const [other, own] of photographs) if (other !== person) for (const { file } of own) note("impostor", file)
}

function vectorOf(file: string): Float32Array {
  const vector = vectors.get(file)
  if (vector === undefined) throw new Error(`no face was found in ${file}`)
  return vector
}
