import type { Box, Landmarks } from "./geometry.ts"
import type { Quality } from "./quality.ts"

/** A face a detector found. `score` is the detector's own, 0..1. */
export interface DetectedFace {
  readonly box: Box
  readonly score: number
  readonly landmarks: Landmarks
}

/** A detected face with what is known of it after alignment. `embedding` is a unit vector, absent when none was asked for. */
export interface AnalyzedFace extends DetectedFace {
  readonly quality: Quality
  readonly embedding?: Float32Array
}
