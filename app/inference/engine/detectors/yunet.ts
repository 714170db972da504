import type { DetectedFace } from "../../../face/face.ts"
import type { Point } from "../../../face/geometry.ts"
import { type Pixels, planesOf } from "../../../face/pixels.ts"
import type { DetectorManifest } from "../../manifest.ts"
import type { FloatTensor, Network } from "../ort.ts"
import { resizeNear, shrinkInto } from "../resample.ts"
import type { Detector, Search } from "./detector.ts"
import { suppress } from "./overlap.ts"

type YunetDecode = Extract<DetectorManifest["decode"], { kind: "yunet" }>

/** Cells of the three feature maps, in network pixels. */
const strides = [8, 16, 32] as const

/** Up to this longer side shrinking saves less than 2 ms and costs precision of the landmarks. */
const sidePxMin = 320
/** A face this much smaller than the network likes is still found when the picture is enlarged. */
const enlargedSidePxMax = 640

/**
 * Pixels of the network's input: more would hold over 1 GB of intermediate values. A picture with more is looked at more
 * coarsely, and its smallest faces stay unseen.
 */
const inputPxMax = 4_000_000

/** YuNet: one look at the picture, without anchors; boxes and five landmarks from every cell. */
export function createYunet(network: Network, input: DetectorManifest["input"], decode: YunetDecode): Detector {
  const multiplePx = input.multipleOfPx ?? 32
  let tensor = new Float32Array(0)
  let tensorLayout = ""

  /** The picture at the top left, black to the right and below up to the next multiple. */
  function fill(picture: Pixels, factor: number): FloatTensor {
    const width = roundUp(Math.floor(picture.width / factor), multiplePx)
    const height = roundUp(Math.floor(picture.height / factor), multiplePx)
    const planePx = width * height
    if (tensor.length < 3 * planePx) tensor = new Float32Array(3 * planePx)
    const layout = `${picture.width} ${picture.height} ${factor}`
    if (layout !== tensorLayout) {
      // What is beside the picture was written by a picture of another size.
      for (const { start, bias } of Object.values(planesOf(input, 0, planePx))) tensor.fill(bias, start, start + planePx)
      tensorLayout = layout
    }
    shrinkInto(tensor, width, height, picture, factor, input)
    return { data: tensor.subarray(0, 3 * planePx), shape: [1, 3, height, width] }
  }

  return {
    async detect(picture, search) {
      const zoom = zoomFor(picture, search, decode.faceWidthPx)
      const shown =
        zoom.enlarge === 1 ? picture : resizeNear(picture, picture.width * zoom.enlarge, picture.height * zoom.enlarge)
      const { data, shape } = fill(shown, zoom.shrink)
      const outputs = await network.run({ data, shape })
      const faces = readFaces(outputs, shape[3] ?? 0, zoom.shrink / zoom.enlarge, decode.scoreMin)
      return suppress(faces, decode.overlapMax, "union")
    },
  }
}

/** Whole factors only: every network pixel is then the plain mean of the same number of camera pixels. */
export function zoomFor(picture: Pixels, search: Search, seenWidthPx: number): { shrink: number; enlarge: 1 | 2 } {
  const full = fullZoom(picture, search.faceWidthPxMin, seenWidthPx)
  if (search.input === "full") return full
  return full.enlarge === 2 ? { shrink: 1, enlarge: 1 } : { shrink: 2 * full.shrink, enlarge: 1 }
}

function fullZoom(picture: Pixels, faceWidthPxMin: number, seenWidthPx: number): { shrink: number; enlarge: 1 | 2 } {
  const longerPx = Math.max(picture.width, picture.height)
  if (faceWidthPxMin < seenWidthPx && longerPx <= enlargedSidePxMax) return { shrink: 1, enlarge: 2 }
  const wanted = Math.min(Math.floor(faceWidthPxMin / seenWidthPx), Math.floor(longerPx / sidePxMin))
  const needed = Math.ceil(Math.sqrt((picture.width * picture.height) / inputPxMax))
  return { shrink: Math.max(1, wanted, needed), enlarge: 1 }
}

/** @param scale picture pixels in one network pixel */
function readFaces(
  outputs: Readonly<Record<string, FloatTensor>>,
  width: number,
  scale: number,
  scoreMin: number,
): DetectedFace[] {
  const faces: DetectedFace[] = []
  for (const stride of strides) {
    const columns = width / stride
    const unit = stride * scale
    const [classes, objects] = [values(outputs, `cls_${stride}`), values(outputs, `obj_${stride}`)]
    const [boxes, points] = [values(outputs, `bbox_${stride}`), values(outputs, `kps_${stride}`)]
    for (let cell = 0; cell < classes.length; cell++) {
      const score = Math.sqrt(toShare(classes[cell]!) * toShare(objects[cell]!))
      if (!(score >= scoreMin)) continue
      const column = cell % columns
      const row = Math.floor(cell / columns)
      const [boxWidth, boxHeight] = [Math.exp(boxes[4 * cell + 2]!) * unit, Math.exp(boxes[4 * cell + 3]!) * unit]
      const point = (index: number): Point => [
        (column + points[10 * cell + 2 * index]!) * unit,
        (row + points[10 * cell + 2 * index + 1]!) * unit,
      ]
      faces.push({
        box: {
          x: (column + boxes[4 * cell]!) * unit - boxWidth / 2,
          y: (row + boxes[4 * cell + 1]!) * unit - boxHeight / 2,
          width: boxWidth,
          height: boxHeight,
        },
        score,
        landmarks: [point(0), point(1), point(2), point(3), point(4)],
      })
    }
  }
  return faces
}

function values(outputs: Readonly<Record<string, FloatTensor>>, name: string): Float32Array {
  const output = outputs[name]
  if (output === undefined) throw new Error(`the network has no output ${name}: it is no YuNet`)
  return output.data
}

function toShare(value: number): number {
  return Math.min(1, Math.max(0, value))
}

function roundUp(value: number, multiple: number): number {
  return Math.max(multiple, Math.ceil(value / multiple) * multiple)
}
