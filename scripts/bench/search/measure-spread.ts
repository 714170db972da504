/**
 * How faces of one person and of different people spread in the search space of the default set, from the photographs of the
 * research folder: `bun scripts/bench/search/measure-spread.ts` writes spread.json beside it. What is kept says nothing of anybody:
 * the mean, and variances along the main directions.
 */
import { join } from "node:path"
import { embedListed, locateSet, readListed } from "../../photographs.ts"
import { quantile, roundTo } from "../support/statistics.ts"
import { eigenOfSymmetric } from "./eigen.ts"

const pictures = await readListed()
const set = await locateSet("default")
const vectors = await embedListed(set, pictures)
const people = Map.groupBy(pictures, ({ person }) => person)
const photos = pictures.flatMap(({ file }) => vectors.get(file) ?? [])
const size = photos[0]?.length ?? 0
const mean = meanOf(photos)

const total = new Float64Array(size * size)
for (const photo of photos) addOuter(total, difference(photo, mean), 1 / (photos.length - 1))

const within = new Float64Array(size * size)
const lengths: number[] = []
const several = [...people.values()]
  .map((of) => of.flatMap(({ file }) => vectors.get(file) ?? []))
  .filter((of) => of.length >= 2)
const freedom = several.reduce((sum, of) => sum + of.length - 1, 0)
for (const of of several) {
  const centre = meanOf(of)
  for (const photo of of) {
    const apart = difference(photo, centre)
    addOuter(within, apart, 1 / freedom)
    // The centre leans towards each of its photographs.
    lengths.push(Math.hypot(...apart) * Math.sqrt(of.length / (of.length - 1)))
  }
}

const { values, vectors: axes } = eigenOfSymmetric(total, size)
const own = Array.from({ length: size }, (_, i) => alongAxis(within, i))
lengths.sort((a, b) => a - b)
const rms = Math.sqrt(lengths.reduce((sum, length) => sum + length ** 2, 0) / lengths.length)
const spread = {
  space: set.embedding.space,
  derivedFrom: `LFW, ${photos.length} photographs of its first fold, ${people.size} people, ${several.length} of them with two or more; model set default`,
  /** Along the main directions of all photographs, by falling variance. */
  mean: own.map((_, i) =>
    roundTo(
      mean.reduce((sum, part, k) => sum + part * axes[i * size + k]!, 0),
      6,
    ),
  ),
  between: own.map((variance, i) => Number(Math.max(values[i]! - variance, values[i]! * 0.05).toExponential(4))),
  within: own.map((variance) => Number(variance.toExponential(4))),
  /** Length of a photograph's way from its person's centre, in shares of the usual one: quantiles 0, 1/20 … 1. */
  lengths: Array.from({ length: 21 }, (_, i) => roundTo(quantile(lengths, i / 20) / rms, 4)),
}
await Bun.write(join(import.meta.dir, "spread.json"), `${JSON.stringify(spread)}\n`)
console.log(spread.derivedFrom, size, "dimensions")

function meanOf(of: readonly Float32Array[]): Float64Array {
  const sum = new Float64Array(of[0]?.length ?? 0)
  for (const vector of of) for (const [i, part] of vector.entries()) sum[i] = sum[i]! + part / of.length
  return sum
}

function difference(a: Float32Array, b: Float64Array): Float64Array {
  return b.map((part, i) => a[i]! - part)
}

function addOuter(to: Float64Array, vector: Float64Array, weight: number): void {
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) to[i * size + j]! += weight * vector[i]! * vector[j]!
}

function alongAxis(matrix: Float64Array, axis: number): number {
  let sum = 0
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) sum += axes[axis * size + i]! * matrix[i * size + j]! * axes[axis * size + j]!
  return sum
}
