import type { DetectedFace } from "../../face/face.ts"
import { centreOf, type Landmarks, type Point } from "../../face/geometry.ts"
import type { Pixels } from "../../face/pixels.ts"
import type { LandmarksManifest } from "../manifest.ts"
import { cropInto, squareAround } from "./crop.ts"
import type { Network } from "./ort.ts"

/** A face with the points its detector gave and the most exact ones the set can give. */
export interface LandmarkedFace extends Omit<DetectedFace, "landmarks"> {
  readonly detected: Landmarks
  readonly refined: Landmarks
}

/** Gives each face more exact landmarks than its detector did. */
export interface LandmarkRefiner {
  refine(picture: Pixels, faces: readonly DetectedFace[]): Promise<LandmarkedFace[]>
}

/** For sets without a network of their own for landmarks. */
export const unrefined: LandmarkRefiner = {
  refine: (_, faces) =>
    Promise.resolve(faces.map(({ landmarks, ...face }) => ({ ...face, detected: landmarks, refined: landmarks }))),
}

/** Input of the 68-point network where its manifest names no size. */
const sizePxDefault = 112
const pointCount = 68
const batchMax = 32

/** The 68 points of the iBUG annotation, of which the five we use are parts or means. */
export function createPoints68(network: Network, input: LandmarksManifest["input"]): LandmarkRefiner {
  const sizePx = input.widthPx ?? sizePxDefault
  const cropValues = 3 * sizePx * sizePx
  let tensor = new Float32Array(0)

  async function refineBatch(picture: Pixels, faces: readonly DetectedFace[]): Promise<LandmarkedFace[]> {
    if (tensor.length < faces.length * cropValues) tensor = new Float32Array(faces.length * cropValues)
    const squares = faces.map(({ box }) => squareAround(box))
    for (const [index, square] of squares.entries()) cropInto(tensor, index * cropValues, sizePx, picture, square, input)
    const data = tensor.subarray(0, faces.length * cropValues)
    const [output] = Object.values(await network.run({ data, shape: [faces.length, 3, sizePx, sizePx] }))
    if (output === undefined) throw new Error("the landmark network has no output")
    return faces.map(({ landmarks, ...face }, index) => {
      const { x, y, width, height } = squares[index]!
      const point = (number: number): Point => {
        const at = 2 * (index * pointCount + number)
        return [x + output.data[at]! * width, y + output.data[at + 1]! * height]
      }
      return { ...face, detected: landmarks, refined: fiveOf(point) }
    })
  }

  return {
    async refine(picture, faces) {
      const refined: LandmarkedFace[] = []
      for (let from = 0; from < faces.length; from += batchMax) {
        refined.push(...(await refineBatch(picture, faces.slice(from, from + batchMax))))
      }
      return refined
    },
  }
}

/** Six points around each eye, the tip of the nose, the corners of the mouth. */
function fiveOf(point: (number: number) => Point): Landmarks {
  return [
    centreOf([36, 37, 38, 39, 40, 41].map(point)),
    centreOf([42, 43, 44, 45, 46, 47].map(point)),
    point(30),
    point(48),
    point(54),
  ]
}
