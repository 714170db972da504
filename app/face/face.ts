import type { Box, ImageSize, Landmarks } from "./geometry.ts"
import type { Quality } from "./quality.ts"

/** A face a detector found. `score` is the detector's own, 0..1. */
export interface DetectedFace {
  readonly box: Box
  readonly score: number
  readonly landmarks: Landmarks
}

/** The picture kept of a face, to embed it again with another network. JPEG. */
export interface FaceChip {
  readonly jpeg: Uint8Array
  readonly size: ImageSize
  /** In pixels of the chip. */
  readonly landmarks: Landmarks
  /** Where the detector saw them, if that is elsewhere: some networks align faces by these. */
  readonly detected?: Landmarks | undefined
}

/** A detected face with what is known of it after alignment. `embedding` is a unit vector, absent when none was asked for. */
export interface AnalyzedFace extends DetectedFace {
  readonly quality: Quality
  readonly embedding?: Float32Array
  /** Only when chips were asked for, of the embedded faces. */
  readonly chip?: FaceChip
}
