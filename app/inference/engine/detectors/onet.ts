import type { DetectedFace } from "../../../face/face.ts"
import type { Box, Point } from "../../../face/geometry.ts"
import type { FloatTensor } from "../ort.ts"

/** MTCNN's last network, which says of a square whether it holds a face, corrects the box and gives five landmarks. */

/** What it looks at, in pixels. */
export const outputPx = 48

/** How pixels enter it. */
export const outputScaling = { colour: "rgb", mean: [127.5, 127.5, 127.5], scale: [128, 128, 128] } as const

/**
 * What it says of one square.
 * @param index of the square in the batch
 * @param square as it was cropped, in pixels of the picture
 */
export function readFace(outputs: Readonly<Record<string, FloatTensor>>, index: number, square: Box): DetectedFace {
  const [left = 0, top = 0, right = 0, bottom = 0] = named(outputs, "box").data.subarray(4 * index, 4 * index + 4)
  const { data } = named(outputs, "lmk")
  // Five x, then five y, as fractions of the square.
  const point = (number: number): Point => [
    square.x + data[10 * index + number]! * square.width,
    square.y + data[10 * index + 5 + number]! * square.height,
  ]
  return {
    box: {
      x: square.x + left * square.width,
      y: square.y + top * square.height,
      width: square.width * (1 + right - left),
      height: square.height * (1 + bottom - top),
    },
    score: named(outputs, "prob").data[2 * index + 1]!,
    landmarks: [point(0), point(1), point(2), point(3), point(4)],
  }
}

export function named(outputs: Readonly<Record<string, FloatTensor>>, name: string): FloatTensor {
  const output = outputs[name]
  if (output === undefined) throw new Error(`the network has no output ${name}: it is not the one its manifest means`)
  return output
}
