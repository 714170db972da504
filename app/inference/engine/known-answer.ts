import type { Box } from "../../face/geometry.ts"
import type { Pixels } from "../../face/pixels.ts"
import type { AcceleratedPlan } from "../providers/plan.ts"
import type { Detector } from "./detectors/detector.ts"
import { overlapOf } from "./detectors/overlap.ts"
import type { FloatTensor } from "./ort.ts"

/** The known-answer test: whether an accelerator says what the processor says. */

/** Least cosine between two outputs that count as the same, in full and in half precision. */
const cosineMinFull = 0.999
const cosineMinHalf = 0.99

/** Least intersection over union of a face's box and the same by the processor. */
export const overlapMin = 0.98

/** CANN computes convolutions in half precision unless told otherwise, and most of its chips cannot do else. */
export function cosineMinOf({ provider, tensorrt }: AcceleratedPlan): number {
  return provider === "cann" || (provider === "tensorrt" && tensorrt.fp16) ? cosineMinHalf : cosineMinFull
}

/**
 * Differences with a root mean square below this are none: the scores of a network that sees no face are tiny, and in half precision
 * they are nothing but rounding.
 */
const noiseRms = 1e-4

/** The least cosine between outputs of the same name; 0 where one is missing, has another size, or holds what is no number. */
export function leastCosine(
  expected: Readonly<Record<string, FloatTensor>>,
  found: Readonly<Record<string, FloatTensor>>,
): number {
  let least = 1
  for (const [name, { data }] of Object.entries(expected)) least = Math.min(least, cosine(data, found[name]?.data))
  return least
}

function cosine(a: Float32Array, b: Float32Array | undefined): number {
  if (b === undefined || a.length !== b.length) return 0
  let [both, ofA, ofB, off] = [0, 0, 0, 0]
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]!, b[index]!]
    both += x * y
    ofA += x * x
    ofB += y * y
    off += (x - y) ** 2
  }
  if (Math.sqrt(off / a.length) <= noiseRms) return 1
  const value = both / Math.sqrt(ofA * ofB)
  return Number.isNaN(value) ? 0 : value
}

/**
 * The least overlap of the boxes that `reference` and `tried` draw around the faces of a picture; 0 where one finds more of them than
 * the other, `undefined` where the reference finds none and there is nothing to compare.
 */
export async function leastOverlap(reference: Detector, tried: Detector, picture: Pixels): Promise<number | undefined> {
  const search = { faceWidthPxMin: 48, input: "full" } as const
  const expected = await reference.detect(picture, search)
  if (expected.length === 0) return undefined
  const found = await tried.detect(picture, search)
  if (found.length !== expected.length) return 0
  const closest = (box: Box) => Math.max(...found.map((face) => overlapOf(face.box, box, "union")))
  return Math.min(...expected.map(({ box }) => closest(box)))
}
