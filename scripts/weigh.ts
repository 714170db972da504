/**
 * How to weigh the two embedders of a fusion: `bun scripts/weigh.ts <set>`. For every tenth it prints how many pairs of one
 * person are accepted at fixed false match rates, on the half of the people that the calibration uses and on no other; the
 * best tenth goes into the fusion's manifest by hand, and `scripts/calibrate.ts` follows.
 */
import { splitPeople } from "../app/cli/eval/calibrate.ts"
import { crossSimilarities, ownSimilarities, type Vectors } from "../app/cli/eval/evaluate.ts"
import { spaceDimension } from "../app/face/embedding.ts"
import { countAccepted, type SortedSimilarities } from "../app/face/statistics.ts"
import type { LocatedEmbedder } from "../app/inference/manifest.ts"
import { embedListed, locateSet, readListed } from "./photographs.ts"

const rates = [1e-4, 1e-3]

const set = await locateSet(process.argv[2] ?? "better")
const [first, second, ...more] = set.embedders
if (first === undefined || second === undefined || more.length > 0)
  throw new Error(`set ${set.name} does not fuse two embedders`)
const listed = await readListed()
const vectors = await embedListed(set, listed)
const [half] = splitPeople(listed)
for (let tenths = 1; tenths <= 9; tenths++) {
  const weight = tenths / 10
  const weighed = reweigh(vectors, first, second, weight)
  const [impostors, genuine] = [crossSimilarities(half, weighed), ownSimilarities(half, weighed)]
  const accepted = rates.map((rate) => countAccepted(genuine, thresholdAt(impostors, rate)))
  console.log(`${weight} : ${(1 - weight).toFixed(1)}  ${accepted.join("  ")} of ${genuine.length} at FMR ${rates.join(", ")}`)
}
process.exit(0)

/** @param weight of the first embedder, in place of the manifest's */
function reweigh(vectors: Vectors, first: LocatedEmbedder, second: LocatedEmbedder, weight: number): Vectors {
  const dimension = spaceDimension(first.manifest.space)
  const factors = [Math.sqrt(weight / first.weight), Math.sqrt((1 - weight) / second.weight)] as const
  const reweighed = (vector: Float32Array) => vector.map((value, at) => value * factors[at < dimension ? 0 : 1])
  return new Map([...vectors].map(([file, vector]) => [file, reweighed(vector)]))
}

function thresholdAt(impostors: SortedSimilarities, rate: number): number {
  return impostors[impostors.length - 1 - Math.floor(impostors.length * rate)] ?? 1
}
