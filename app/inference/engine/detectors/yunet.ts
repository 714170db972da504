import type { DetectedFace } from "../../../face/face.ts"
import type { Point } from "../../../face/geometry.ts"
import type { DetectorManifest } from "../../manifest.ts"
import type { FloatTensor, Network } from "../ort.ts"
import { resizeNear } from "../resample.ts"
import type { Detector } from "./detector.ts"
import { createLetterbox } from "./letterbox.ts"
import { suppress } from "./overlap.ts"
import { zoomFor } from "./zoom.ts"

type YunetDecode = Extract<DetectorManifest["decode"], { kind: "yunet" }>

/** Cells of the three feature maps, in network pixels. */
const strides = [8, 16, 32] as const

/** YuNet: one look at the picture, without anchors; boxes and five landmarks from every cell. */
export function createYunet(network: Network, input: DetectorManifest["input"], decode: YunetDecode): Detector {
  const fill = createLetterbox(input, input.multipleOfPx ?? 32)

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

/** @param scale picture pixels in one network pixel */
function readFaces(
  outputs: Readonly<Record<string, FloatTensor>>,
  width: number,
  scale: number,
  scoreMin: number,
): DetectedFace[] {
  const faces: DetectedFace[] = []
  // A little less, so that rounding decides nothing here.
  const productMin = 0.999 * scoreMin * scoreMin
  for (const stride of strides) {
    const columns = width / stride
    const unit = stride * scale
    const [classes, objects] = [values(outputs, `cls_${stride}`), values(outputs, `obj_${stride}`)]
    const [boxes, points] = [values(outputs, `bbox_${stride}`), values(outputs, `kps_${stride}`)]
    for (let cell = 0; cell < classes.length; cell++) {
      // Nearly every cell ends here: roots and bounds for all of them take half a millisecond.
      if (!(classes[cell]! * objects[cell]! >= productMin)) continue
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
