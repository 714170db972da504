import { assert } from "../../base/assert.ts"
import { fitSimilarity, invert } from "../../face/align.ts"
import { toUnit } from "../../face/embedding.ts"
import type { Pixels } from "../../face/pixels.ts"
import { warpInto } from "../../face/warp.ts"
import type { EmbedderManifest, LandmarksUsed } from "../manifest.ts"
import type { LandmarkedFace } from "./landmarks.ts"
import type { Network } from "./ort.ts"

export interface Embedder {
  /** Brings the faces into the crops the network knows, behind those that wait for `run` already. */
  align(picture: Pixels, faces: readonly LandmarkedFace[]): void
  /** Unit vectors of the faces aligned since the last time, in their order. */
  run(): Promise<Float32Array[]>
  /** Forgets the faces that wait. */
  clear(): void
}

/** Crops in one run. More gain nothing on one core (28 ms for 4, 7 ms for 1) and cost memory. */
const batchMax = 32

/** @param used the points its faces are aligned by */
export function createEmbedder(network: Network, { input, alignment }: EmbedderManifest, used: LandmarksUsed): Embedder {
  const { sizePx, template } = alignment
  const cropValues = 3 * sizePx * sizePx
  let tensor = new Float32Array(0)
  let count = 0

  return {
    align(picture, faces) {
      const wanted = (count + faces.length) * cropValues
      if (tensor.length < wanted) {
        const waiting = tensor.subarray(0, count * cropValues)
        tensor = new Float32Array(wanted)
        tensor.set(waiting)
      }
      for (const face of faces) {
        const toPicture = invert(fitSimilarity(face[used], template))
        assert(toPicture !== undefined, "landmarks in one place were sorted out after detection")
        warpInto(tensor, count * cropValues, sizePx, picture, toPicture, input)
        count += 1
      }
    },

    async run() {
      const vectors: Float32Array[] = []
      const whole = count
      // Also when this fails: whoever aligns next starts anew.
      count = 0
      for (let from = 0; from < whole; from += batchMax) {
        const batch = Math.min(batchMax, whole - from)
        const data = tensor.subarray(from * cropValues, (from + batch) * cropValues)
        const [output] = Object.values(await network.run({ data, shape: [batch, 3, sizePx, sizePx] }))
        if (output === undefined) throw new Error("the embedder has no output")
        const dimension = output.data.length / batch
        for (let index = 0; index < batch; index++) {
          const vector = toUnit(output.data.subarray(index * dimension, (index + 1) * dimension))
          if (vector === undefined) throw new Error("the embedder gave a vector without a direction")
          vectors.push(vector)
        }
      }
      return vectors
    },
    clear: () => {
      count = 0
    },
  }
}

/** One embedder and its share of the similarity. */
export interface FusionPart extends Embedder {
  readonly weight: number
}

/**
 * Several embedders as one: their unit vectors one after the other, each shortened to √weight, so that the whole is a unit
 * vector again. The cosine of two such vectors is the weighted mean of the parts' cosines, which errs less than either where
 * their mistakes differ.
 * @param parts weights add up to 1
 */
export function fuseEmbedders(parts: readonly FusionPart[]): Embedder {
  const [only, ...more] = parts
  if (only !== undefined && more.length === 0) return only
  return {
    align(picture, faces) {
      for (const part of parts) part.align(picture, faces)
    },
    async run() {
      const runs: Float32Array[][] = []
      for (const part of parts) runs.push(await part.run())
      return (runs[0] ?? []).map((_, face) => joinWeighted(parts.map(({ weight }, part) => [runs[part]![face]!, weight])))
    },
    clear() {
      for (const part of parts) part.clear()
    },
  }
}

/** Unit vectors with their weights into one unit vector, each shortened to √weight. */
export function joinWeighted(weighted: readonly (readonly [Float32Array, number])[]): Float32Array {
  const whole = new Float32Array(weighted.reduce((length, [vector]) => length + vector.length, 0))
  let at = 0
  for (const [vector, weight] of weighted) {
    const factor = Math.sqrt(weight)
    // By index: an iterator takes ten times as long.
    for (let part = 0; part < vector.length; part++) whole[at++] = vector[part]! * factor
  }
  return whole
}
