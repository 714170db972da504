import type { DetectedFace } from "../../../face/face.ts"
import type { Box } from "../../../face/geometry.ts"
import type { Pixels } from "../../../face/pixels.ts"
import type { DetectorManifest } from "../../manifest.ts"
import { cropInto, squareAround } from "../crop.ts"
import type { FloatTensor, Network } from "../ort.ts"
import { cut, quarter, resizeNear } from "../resample.ts"
import type { Detector } from "./detector.ts"
import { createLetterbox } from "./letterbox.ts"
import { named, outputPx, readFace } from "./onet.ts"
import { best, type Scored, suppress } from "./overlap.ts"

type MtcnnDecode = Extract<DetectorManifest["decode"], { kind: "mtcnn" }>

/** What the three networks look at, in pixels. */
const proposalPx = 12
const refinePx = 24

/** The proposal network answers for every second pixel of its input. */
const proposalStridePx = 2

/** Overlaps of the published cascade: within a level, over all levels, after each later network. */
const overlapInLevelMax = 0.5
const overlapMax = 0.7

/**
 * Pixels of the first level. A full pyramid and the second try over 4 MP of noise take 4 s, which on a slow core is longer than an
 * engine may be silent. A picture with more is begun more coarsely, and its smallest faces stay unseen.
 */
const inputPxMax = 1_500_000
/** Crops in one run: enough to keep a core busy, and small enough to stay in its cache. */
const batchMax = 64

export interface MtcnnNetworks {
  readonly proposal: Network
  readonly refine: Network
  readonly output: Network
}

/** A box with the correction its network asks for: fractions of the box's sides, for left, top, right and bottom. */
interface Candidate extends Scored {
  readonly correction: readonly [number, number, number, number]
}

/** The picture at one scale. */
interface Level {
  readonly pixels: Pixels
  /** Level pixels in one picture pixel. */
  readonly scaleX: number
  readonly scaleY: number
}

/** MTCNN: proposals from a pyramid of scales, then two networks that look at each proposal more closely. */
export function createMtcnn(networks: MtcnnNetworks, input: DetectorManifest["input"], decode: MtcnnDecode): Detector {
  const [proposalMin, refineMin, outputMin] = decode.scoreMin
  const fill = createLetterbox(input, 1)
  const cropTensor = new Float32Array(batchMax * 3 * outputPx * outputPx)

  async function propose({ pixels, scaleX, scaleY }: Level, scoreMin: number): Promise<Candidate[]> {
    // The proposal network says how much more a cell looks like a face than not, in front of the softmax (`joinHeads`).
    const evidenceMin = Math.log(scoreMin / (1 - scoreMin))
    const { data: map, shape } = named(await networks.proposal.run(fill(pixels, 1)), "map")
    const columns = shape[3] ?? 0
    const cells = columns * (shape[2] ?? 0)
    const found: Candidate[] = []
    for (let cell = 0; cell < cells; cell++) {
      const evidence = map[cell]!
      if (!(evidence > evidenceMin)) continue
      const x = (cell % columns) * proposalStridePx
      const y = Math.floor(cell / columns) * proposalStridePx
      found.push({
        score: 1 / (1 + Math.exp(-evidence)),
        box: { x: x / scaleX, y: y / scaleY, width: proposalPx / scaleX, height: proposalPx / scaleY },
        correction: [map[cells + cell]!, map[2 * cells + cell]!, map[3 * cells + cell]!, map[4 * cells + cell]!],
      })
    }
    return suppress(best(found), overlapInLevelMax, "union")
  }

  /** Runs `network` on a square crop around each box; `read` is told the square and where its values stand in the batch. */
  async function lookCloser<Found>(
    network: Network,
    sizePx: number,
    levels: readonly Level[],
    boxes: readonly Box[],
    read: (outputs: Readonly<Record<string, FloatTensor>>, index: number, square: Box) => Found | undefined,
  ): Promise<Found[]> {
    const found: Found[] = []
    const cropValues = 3 * sizePx * sizePx
    for (let from = 0; from < boxes.length; from += batchMax) {
      const squares = boxes.slice(from, from + batchMax).map(squareAround)
      for (const [index, square] of squares.entries()) {
        const { pixels, scaleX, scaleY } = levelFor(levels, square.width, sizePx)
        const box = { x: square.x * scaleX, y: square.y * scaleY, width: square.width * scaleX, height: square.height * scaleY }
        cropInto(cropTensor, index * cropValues, sizePx, pixels, box, input)
      }
      const data = cropTensor.subarray(0, squares.length * cropValues)
      const outputs = await network.run({ data, shape: [squares.length, 3, sizePx, sizePx] })
      for (const [index, square] of squares.entries()) {
        const one = read(outputs, index, square)
        if (one !== undefined) found.push(one)
      }
    }
    return found
  }

  function readCandidate(
    outputs: Readonly<Record<string, FloatTensor>>,
    index: number,
    box: Box,
    scoreMin: number,
  ): Candidate | undefined {
    const score = named(outputs, "prob").data[2 * index + 1]!
    if (!(score > scoreMin)) return undefined
    const { data } = named(outputs, "box")
    return { score, box, correction: [data[4 * index]!, data[4 * index + 1]!, data[4 * index + 2]!, data[4 * index + 3]!] }
  }

  async function cascade(
    picture: Pixels,
    faceWidthPxMin: number,
    pyramidFactor: number,
    proposalMin: number,
  ): Promise<DetectedFace[]> {
    const pyramid = pyramidOf(picture, proposalPx / faceWidthPxMin, pyramidFactor)
    const proposals: Candidate[] = []
    for (const level of pyramid) proposals.push(...(await propose(level, proposalMin)))
    const levels = [{ pixels: picture, scaleX: 1, scaleY: 1 }, ...pyramid]

    const proposed = suppress(best(proposals), overlapMax, "union").map(correct)
    const refined = await lookCloser(networks.refine, refinePx, levels, proposed, (outputs, index, square) =>
      readCandidate(outputs, index, square, refineMin),
    )
    const corrected = suppress(refined, overlapMax, "union").map(correct)
    const faces = await lookCloser(networks.output, outputPx, levels, corrected, (outputs, index, square) => {
      const face = readFace(outputs, index, square)
      return face.score > outputMin ? face : undefined
    })
    return suppress(faces, overlapMax, "smaller")
  }

  return {
    async detect(picture, { faceWidthPxMin, input }) {
      // The levels left out are the largest: with half the scale three quarters of the proposals' work is saved.
      if (input === "small") return cascade(picture, 2 * faceWidthPxMin, decode.pyramidFactor, proposalMin)
      const faces = await cascade(picture, faceWidthPxMin, decode.pyramidFactor, proposalMin)
      if (faces.length > 0) return faces
      // A face between two scales can be missed: another start looks between them, at weaker proposals as well.
      return cascade(picture, faceWidthPxMin * decode.retrySmallest, decode.retryFactor, decode.retryScoreMin)
    },
  }
}

/** From the largest level to the last in which a face still fits; each is made from the one above. */
function pyramidOf(picture: Pixels, wantedScale: number, factor: number): Level[] {
  const { width, height } = picture
  const shorterPx = Math.min(width, height)
  // Enlarging beyond twice the size invents no detail.
  const firstScale = Math.min(2, wantedScale, Math.sqrt(inputPxMax / (width * height)))
  const levels: Level[] = []
  for (let scale = firstScale; shorterPx * scale >= proposalPx; scale *= factor)
    levels.push(scaled(levels.at(-1) ?? shrunk({ pixels: picture, scaleX: 1, scaleY: 1 }, scale), scale))
  return levels
}

/**
 * The level by whole factors, as far as it stays as large as `scale` asks: every pixel is then the plain mean of the picture's.
 * By 4, as a camera's 1080p and the usual smallest face ask for it, that takes 1.2 ms, a resize by libvips 5.
 */
function shrunk({ pixels, scaleX, scaleY }: Level, scale: number): Level {
  // 1 / 0.25 may come out below 4.
  const factor = Math.floor(scaleX / scale + 1e-9)
  if (factor >= 4) return shrunk({ pixels: quarter(pixels), scaleX: scaleX / 4, scaleY: scaleY / 4 }, scale)
  if (factor < 2) return { pixels, scaleX, scaleY }
  const whole = { x: 0, y: 0, width: pixels.width, height: pixels.height }
  return { pixels: cut(pixels, whole, factor), scaleX: scaleX / factor, scaleY: scaleY / factor }
}

/** A level from one above it, of which it is more than half. */
function scaled({ pixels, scaleX, scaleY }: Level, scale: number): Level {
  const width = Math.ceil((pixels.width * scale) / scaleX - 1e-9)
  const height = Math.ceil((pixels.height * scale) / scaleY - 1e-9)
  if (width === pixels.width && height === pixels.height) return { pixels, scaleX, scaleY }
  return {
    pixels: resizeNear(pixels, width, height),
    scaleX: (scaleX * width) / pixels.width,
    scaleY: (scaleY * height) / pixels.height,
  }
}

/**
 * Pixels of the level for each one of the crop. Every level is a little softer than the one above it: crops from the first level
 * that is large enough (1) lose a thirtieth of the faces, and those of twice the size cost a half more time for nothing.
 */
const cropDetail = 1.5

/** The coarsest level with enough detail under the square; the picture itself where none has. */
function levelFor(levels: readonly Level[], squarePx: number, sizePx: number): Level {
  const [picture, ...pyramid] = levels
  return pyramid.findLast(({ scaleX }) => squarePx * scaleX >= sizePx * cropDetail) ?? picture!
}

function correct({ box, correction: [left, top, right, bottom] }: Candidate): Box {
  return {
    x: box.x + left * box.width,
    y: box.y + top * box.height,
    width: box.width * (1 + right - left),
    height: box.height * (1 + bottom - top),
  }
}
