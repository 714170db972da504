import { join } from "node:path"
import { z } from "zod"
import { createGauss, createRandom } from "../../../app/base/random.ts"

/** Along main directions: see measure-spread.ts. */
const spreadSchema = z.object({
  space: z.string(),
  derivedFrom: z.string(),
  mean: z.array(z.number()),
  between: z.array(z.number().nonnegative()),
  within: z.array(z.number().nonnegative()),
  lengths: z.array(z.number().positive()),
})
export type Spread = z.output<typeof spreadSchema>

export type Kind = "faces" | "isotropic"

export const facesPerPerson = 5

/** The same vectors for the same kind, seed and place, however many are asked for at once. */
export interface VectorSource {
  readonly dimension: number
  /** Unit vectors of photographs `from`…`from + count`, one behind the other; five a person. */
  gallery(from: number, count: number): Float32Array
  /** A fresh photograph of each of `count` people drawn from the first `people`. */
  queries(count: number, people: number): Float32Array
}

export async function readSpread(): Promise<Spread> {
  return spreadSchema.parse(await Bun.file(join(import.meta.dir, "spread.json")).json())
}

/** `dimension` below the measured one takes the first directions. */
export function vectorSource(kind: Kind, spread: Spread, dimension = spread.mean.length): VectorSource {
  return kind === "isotropic" ? isotropic(dimension) : faces(spread, dimension)
}

function faces(spread: Spread, dimension: number): VectorSource {
  const mean = Float64Array.from(spread.mean.slice(0, dimension))
  const between = Float64Array.from(spread.between.slice(0, dimension), Math.sqrt)
  const within = Float64Array.from(spread.within.slice(0, dimension), Math.sqrt)

  function write(to: Float32Array, offset: number, person: number, photo: number): void {
    const who = gaussFrom(person * 2 + 1)
    const how = gaussFrom(0x40000000 + person * 1024 + photo)
    const length = lengthAt(spread.lengths, how.uniform())
    let square = 0
    for (let i = 0; i < dimension; i++) {
      const part = mean[i]! + between[i]! * who.next() + length * within[i]! * how.next()
      to[offset + i] = part
      square += part * part
    }
    const factor = 1 / Math.sqrt(square)
    for (let i = 0; i < dimension; i++) to[offset + i]! *= factor
  }

  return {
    dimension,
    gallery(from, count) {
      const vectors = new Float32Array(count * dimension)
      for (let i = 0; i < count; i++) {
        const at = from + i
        write(vectors, i * dimension, Math.floor(at / facesPerPerson), at % facesPerPerson)
      }
      return vectors
    },
    queries(count, people) {
      const random = createRandom(0x9e37)
      const vectors = new Float32Array(count * dimension)
      for (let i = 0; i < count; i++) write(vectors, i * dimension, Math.floor(random() * people), 512 + (i % 500))
      return vectors
    },
  }
}

/** Directions drawn evenly: no index can do well, for nobody has neighbours that stand out. */
function isotropic(dimension: number): VectorSource {
  function draw(from: number, count: number, seed: number): Float32Array {
    const vectors = new Float32Array(count * dimension)
    for (let i = 0; i < count; i++) {
      const gauss = gaussFrom(seed + from + i)
      let square = 0
      for (let k = 0; k < dimension; k++) {
        const part = gauss.next()
        vectors[i * dimension + k] = part
        square += part * part
      }
      for (let k = 0; k < dimension; k++) vectors[i * dimension + k]! /= Math.sqrt(square)
    }
    return vectors
  }
  return { dimension, gallery: (from, count) => draw(from, count, 1), queries: (count) => draw(0, count, 0x70000000) }
}

function lengthAt(quantiles: readonly number[], share: number): number {
  const at = share * (quantiles.length - 1)
  const below = quantiles[Math.floor(at)]!
  return below + (quantiles[Math.min(quantiles.length - 1, Math.floor(at) + 1)]! - below) * (at - Math.floor(at))
}

/** Neighbouring seeds are mixed apart. */
function gaussFrom(seed: number) {
  const uniform = createRandom(Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d))
  return { uniform, next: createGauss(uniform) }
}
