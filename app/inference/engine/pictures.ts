import type { DetectedFace, FaceChip } from "../../face/face.ts"
import type { Box, Landmarks, Point } from "../../face/geometry.ts"
import type { Pixels } from "../../face/pixels.ts"
import { compressRgb } from "./jpeg-turbo.ts"
import { cut, resizeNear } from "./resample.ts"

/** The pictures that are kept of a frame, made where its pixels are: nobody else ever decodes what came from outside. */

const chipSidePxMax = 256
/** A chip is embedded again one day: no colour is given away, and little else. */
const chipQuality = 92
/** Sides of a chip in sides of the face's box: hair and chin, and room for a crop that is turned upright. */
const chipBoxes = 2

/**
 * The whole frame, made smaller by a whole factor, which costs a third of any other (2 MP to 0.5 MP: 2 ms, by libvips 7 ms).
 * @param longestSidePx is not exceeded
 */
export function snapshotOf(
  picture: Pixels,
  { longestSidePx, quality }: { longestSidePx: number; quality: number },
): Uint8Array {
  const { width, height } = picture
  const factor = Math.min(width, height, Math.ceil(Math.max(width, height) / longestSidePx))
  return compressRgb(cut(picture, { x: 0, y: 0, width, height }, factor), { quality, colour: "halved" })
}

export function chipOf(
  picture: Pixels,
  { box, landmarks, detected }: Pick<DetectedFace, "box" | "landmarks"> & Pick<FaceChip, "detected">,
): FaceChip {
  const region = regionAround(box, picture)
  const longestPx = Math.max(region.width, region.height)
  const factor = Math.min(region.width, region.height, Math.max(1, Math.floor(longestPx / chipSidePxMax)))
  const pixels = fitted(cut(picture, region, factor))
  const [scaleX, scaleY] = [pixels.width / region.width, pixels.height / region.height]
  const inChip = ([x, y]: Point): Point => [(x - region.x) * scaleX, (y - region.y) * scaleY]
  const moved = ([leftEye, rightEye, nose, leftMouth, rightMouth]: Landmarks): Landmarks => [
    ...([inChip(leftEye), inChip(rightEye), inChip(nose)] as const),
    ...([inChip(leftMouth), inChip(rightMouth)] as const),
  ]
  const jpeg = compressRgb(pixels, { quality: chipQuality, colour: "full" })
  const size = { width: pixels.width, height: pixels.height }
  return { jpeg, size, landmarks: moved(landmarks), ...(detected && { detected: moved(detected) }) }
}

/** What is still too large by less than half. */
function fitted(pixels: Pixels): Pixels {
  const shrink = Math.max(pixels.width, pixels.height) / chipSidePxMax
  if (shrink <= 1) return pixels
  return resizeNear(pixels, Math.max(1, Math.round(pixels.width / shrink)), Math.max(1, Math.round(pixels.height / shrink)))
}

/** The box widened about its centre, as far as the picture goes, at whole pixels; at least one. */
function regionAround({ x, y, width, height }: Box, picture: Pixels): Box {
  const [beside, above] = [(width * (chipBoxes - 1)) / 2, (height * (chipBoxes - 1)) / 2]
  const left = Math.min(picture.width - 1, Math.max(0, Math.floor(x - beside)))
  const top = Math.min(picture.height - 1, Math.max(0, Math.floor(y - above)))
  const right = Math.max(left + 1, Math.min(picture.width, Math.ceil(x + width + beside)))
  const bottom = Math.max(top + 1, Math.min(picture.height, Math.ceil(y + height + above)))
  return { x: left, y: top, width: right - left, height: bottom - top }
}
