import type { DetectedFace } from "../../../face/face.ts"
import type { Pixels } from "../../../face/pixels.ts"
import type { DetectorManifest } from "../../manifest.ts"
import { cropInto, squareAround } from "../crop.ts"
import type { FloatTensor, Network } from "../ort.ts"
import { resizeNear } from "../resample.ts"
import type { Detector } from "./detector.ts"
import { createLetterbox } from "./letterbox.ts"
import { named, outputPx, outputScaling, readFace } from "./onet.ts"
import { best, type Scored, suppress } from "./overlap.ts"
import { zoomFor } from "./zoom.ts"

type UltrafaceDecode = Extract<DetectorManifest["decode"], { kind: "ultraface" }>

export interface UltrafaceNetworks {
  /** Boxes from every cell of the picture. */
  readonly boxes: Network
  /** MTCNN's last network: landmarks and a better box for each. */
  readonly landmarks: Network
}

/** Of the published configuration: cells in network pixels, and the anchors' widths there, centred in each cell. */
const anchors = [
  { stridePx: 8, widthsPx: [10, 16, 24] },
  { stridePx: 16, widthsPx: [32, 48] },
  { stridePx: 32, widthsPx: [64, 96] },
  { stridePx: 64, widthsPx: [128, 192, 256] },
] as const
/** Shares of an anchor's width in which its middle moves, and powers of e by which it grows. */
const centreVariance = 0.1
const sizeVariance = 0.2

/** Crops in one run: enough to keep a core busy, and small enough to stay in its cache. */
const batchMax = 64

/** One look at the picture for boxes, then one at each box for its landmarks. */
export function createUltraface(
  networks: UltrafaceNetworks,
  input: DetectorManifest["input"],
  decode: UltrafaceDecode,
): Detector {
  const fill = createLetterbox(input, input.multipleOfPx ?? 32)
  const crops = new Float32Array(batchMax * 3 * outputPx * outputPx)

  async function landmark(picture: Pixels, found: readonly Scored[]): Promise<DetectedFace[]> {
    const squares = found.map(({ box }) => squareAround(box))
    const cropValues = 3 * outputPx * outputPx
    for (const [index, square] of squares.entries())
      cropInto(crops, index * cropValues, outputPx, picture, square, outputScaling)
    const data = crops.subarray(0, squares.length * cropValues)
    const outputs = await networks.landmarks.run({ data, shape: [squares.length, 3, outputPx, outputPx] })
    const faces = squares.map((square, index) => readFace(outputs, index, square))
    // The first network is the better judge; the second only turns away what has no landmarks to give.
    return faces.flatMap((face, index) =>
      face.score >= decode.landmarkScoreMin ? [{ ...face, score: found[index]!.score }] : [],
    )
  }

  async function landmarkAll(picture: Pixels, boxes: readonly Scored[]): Promise<DetectedFace[]> {
    const found = suppress(best(boxes), decode.overlapMax, "union")
    const faces: DetectedFace[] = []
    for (let from = 0; from < found.length; from += batchMax)
      faces.push(...(await landmark(picture, found.slice(from, from + batchMax))))
    return suppress(faces, decode.correctedOverlapMax, "smaller")
  }

  return {
    async detect(picture, search) {
      const { shrink, enlarge } = zoomFor(picture, search, decode.faceWidthPx)
      const shown = enlarge === 1 ? picture : resizeNear(picture, picture.width * enlarge, picture.height * enlarge)
      const outputs = await networks.boxes.run(fill(shown, shrink))
      const found = readBoxes(outputs, shrink / enlarge, decode.weakScoreMin)
      const strong = found.filter(({ score }) => score >= decode.scoreMin)
      const faces = await landmarkAll(picture, strong)
      // Between two anchors, or bowed, a face scores as low as a fence does: it counts where it would be the only one.
      return faces.length > 0 || strong.length === found.length ? faces : landmarkAll(picture, found)
    },
  }
}

/** @param scale picture pixels in one network pixel */
function readBoxes(outputs: Readonly<Record<string, FloatTensor>>, scale: number, scoreMin: number): Scored[] {
  const found: Scored[] = []
  const evidenceMin = Math.log(scoreMin / (1 - scoreMin))
  for (const { stridePx, widthsPx } of anchors) {
    const { data: scores, shape } = named(outputs, `score_${stridePx}`)
    const { data: moves } = named(outputs, `box_${stridePx}`)
    const columns = shape[3] ?? 0
    const cells = columns * (shape[2] ?? 0)
    for (const [anchor, anchorPx] of widthsPx.entries()) {
      const [against, forFace, move] = [2 * anchor * cells, (2 * anchor + 1) * cells, 4 * anchor * cells]
      for (let cell = 0; cell < cells; cell++) {
        const evidence = scores[forFace + cell]! - scores[against + cell]!
        if (!(evidence >= evidenceMin)) continue
        const width = anchorPx * Math.exp(moves[move + 2 * cells + cell]! * sizeVariance) * scale
        const height = anchorPx * Math.exp(moves[move + 3 * cells + cell]! * sizeVariance) * scale
        const x = ((cell % columns) + 0.5) * stridePx + moves[move + cell]! * centreVariance * anchorPx
        const y = (Math.floor(cell / columns) + 0.5) * stridePx + moves[move + cells + cell]! * centreVariance * anchorPx
        const box = { x: x * scale - width / 2, y: y * scale - height / 2, width, height }
        found.push({ box, score: 1 / (1 + Math.exp(-evidence)) })
      }
    }
  }
  return found
}
