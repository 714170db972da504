import { fitSimilarity, invert } from "./align.ts"
import type { DetectedFace } from "./face.ts"
import type { Landmarks } from "./geometry.ts"
import type { PixelScaling, Pixels } from "./pixels.ts"
import { warpInto } from "./warp.ts"

/** Figures of one face picture; `score` 0..1 sums them up for enrolment and for choosing the best of several. */
export interface Quality {
  readonly score: number
  /** Width of the face box in pixels. */
  readonly faceWidthPx: number
  /** Distance of the eyes in pixels. */
  readonly eyeDistancePx: number
  /** Mean brightness of the aligned crop, 0..1. */
  readonly brightness: number
  /** Spread of brightness (standard deviation) of the aligned crop, 0..1. */
  readonly contrast: number
  /** Sharpness of the aligned crop, 0..1: 0 is a blur in which no edge is left. */
  readonly sharpness: number
  /** Estimated from five points: degrees the head is turned (+ to the image's right), nodded (+ down), tilted (+ clockwise). */
  readonly yaw: number
  readonly pitch: number
  readonly roll: number
}

/**
 * The crop the figures are taken from: the same for every embedder, so that a figure means the same with each. Where the five
 * landmarks go in it is the mean of frontal faces, the eyes a third of the crop apart.
 */
const cropPx = 112
const cropTemplate: Landmarks = [
  [38, 52],
  [74, 52],
  [56, 74],
  [41, 92],
  [71, 92],
]
const asBytes: PixelScaling = { colour: "rgb", mean: [0, 0, 0], scale: [1, 1, 1] }

/** Depth of a nose and distance from eyes to mouth, in distances between the eyes: a mean head, good for an estimate. */
const noseDepth = 0.5
const eyesToMouth = 1.13
/** How far down the way from the eyes to the mouth the tip of a nose lies when the head is level. */
const noseLevel = 0.56

/**
 * Measures one face. Pure; costs about a quarter of a millisecond.
 *
 * `score` is the product of five shares, each 0..1, so that one bad figure is enough for a low score and the worst one shows:
 * size, sharpness, light, contrast, and how far the head is turned. The bounds of each share stand beside it in `scoreOf`.
 */
export function measureQuality(picture: Pixels, face: DetectedFace): Quality {
  const { landmarks, box } = face
  const crop = greyCrop(picture, landmarks)
  const light = meanAndSpread(crop)
  const pose = estimatePose(landmarks)
  const figures = {
    faceWidthPx: box.width,
    eyeDistancePx: Math.hypot(landmarks[1][0] - landmarks[0][0], landmarks[1][1] - landmarks[0][1]),
    brightness: light.mean / 255,
    contrast: light.spread / 255,
    sharpness: sharpnessOf(crop, light.spread),
    ...pose,
  }
  return { score: scoreOf(figures), ...figures }
}

/** 0 at and below `none`, 1 at and beyond `full`, straight between; `none` may be the larger one. */
function share(value: number, none: number, full: number): number {
  return Math.min(1, Math.max(0, (value - none) / (full - none)))
}

function scoreOf(figures: Omit<Quality, "score">): number {
  // Below 12 px nobody is recognised; beyond 120 px more pixels add nothing to a crop of 112. The first pixels count most.
  const size = Math.sqrt(share(figures.faceWidthPx, 12, 120))
  // A blur of 5 px (of a face 100 px wide) has 0.17 and takes the person away, one of 3 px 0.33, one of 1 px 0.6.
  const sharp = share(figures.sharpness, 0.2, 0.75)
  const light = Math.min(share(figures.brightness, 0.03, 0.15), share(figures.brightness, 0.97, 0.85))
  const contrast = share(figures.contrast, 0.01, 0.06)
  const turned = Math.hypot(figures.yaw, figures.pitch)
  const pose = share(turned, 70, 25) * share(Math.abs(figures.roll), 120, 45)
  return size * sharp * light * contrast * pose
}

/** From five points alone: the nose sticks out of the plane of eyes and mouth, so a turn moves it against them. Degrees. */
export function estimatePose([leftEye, rightEye, nose, leftMouth, rightMouth]: Landmarks): Pick<
  Quality,
  "yaw" | "pitch" | "roll"
> {
  const roll = Math.atan2(rightEye[1] - leftEye[1], rightEye[0] - leftEye[0])
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)]
  // Upright coordinates about the middle of the eyes.
  const middle = [(leftEye[0] + rightEye[0]) / 2, (leftEye[1] + rightEye[1]) / 2] as const
  const upright = (x: number, y: number) =>
    [(x - middle[0]) * cos + (y - middle[1]) * sin, (y - middle[1]) * cos - (x - middle[0]) * sin] as const
  const [mouthX, mouthY] = upright((leftMouth[0] + rightMouth[0]) / 2, (leftMouth[1] + rightMouth[1]) / 2)
  const [noseX, noseY] = upright(nose[0], nose[1])
  const eyes = Math.max(1e-6, Math.hypot(rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]))
  const mouth = Math.max(1e-6, mouthY)
  const noseDown = noseY / mouth
  const beside = (noseX - mouthX * noseLevel) / eyes
  return {
    yaw: degrees(Math.atan(beside / noseDepth)),
    pitch: degrees(Math.atan(((noseDown - noseLevel) * eyesToMouth) / noseDepth)),
    roll: degrees(roll),
  }
}

/** The share of fine detail at which sharpness is a half: a face 100 px wide under a blur of 1.7 px. */
const halfSharp = 0.1

/**
 * How much of the crop's variation is fine detail: the standard deviation of the Laplacian against that of the crop itself, so
 * that a dark or flat picture is not called blurred. Bent into 0..1: press photographs lie at 0.6 to 0.8.
 */
function sharpnessOf(crop: Float32Array, spread: number): number {
  let sum = 0
  let squares = 0
  let count = 0
  for (let y = 1; y < cropPx - 1; y++) {
    for (let x = 1; x < cropPx - 1; x++) {
      const at = y * cropPx + x
      const edge = 4 * crop[at]! - crop[at - 1]! - crop[at + 1]! - crop[at - cropPx]! - crop[at + cropPx]!
      sum += edge
      squares += edge * edge
      count += 1
    }
  }
  const mean = sum / count
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean))
  // One grey level more than there is keeps an empty crop from being sharp.
  const detail = deviation / (spread + 1)
  return detail / (detail + halfSharp)
}

function meanAndSpread(values: Float32Array): { mean: number; spread: number } {
  let sum = 0
  let squares = 0
  // By index: an iterator takes ten times as long, and this runs for every face.
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    sum += value
    squares += value * value
  }
  const mean = sum / values.length
  return { mean, spread: Math.sqrt(Math.max(0, squares / values.length - mean * mean)) }
}

const cropArea = cropPx * cropPx
/** Red, green and blue of the crop. The same for every face: fresh memory is slow the first time. */
const crop = new Float32Array(3 * cropArea)

/** Brightness 0..255 as the eye weighs colours (BT.601); holds until the next call. */
function greyCrop(picture: Pixels, landmarks: Landmarks): Float32Array {
  const toPicture = invert(fitSimilarity(landmarks, cropTemplate))
  if (toPicture === undefined) crop.fill(0)
  else warpInto(crop, 0, cropPx, picture, toPicture, asBytes)
  for (let at = 0; at < cropArea; at++) {
    crop[at] = 0.299 * crop[at]! + 0.587 * crop[cropArea + at]! + 0.114 * crop[2 * cropArea + at]!
  }
  return crop.subarray(0, cropArea)
}

function degrees(radians: number): number {
  return (radians * 180) / Math.PI
}
