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
