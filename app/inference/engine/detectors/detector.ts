import type { DetectedFace } from "../../../face/face.ts"
import type { Pixels } from "../../../face/pixels.ts"

export interface Search {
  /** What is looked for; smaller faces may be among the answer. */
  readonly faceWidthPxMin: number
  /** `small`: at half the scale, which is several times faster and sees only faces of twice the width for sure. */
  readonly input: "full" | "small"
}

export interface Detector {
  /** Faces in no special order, in pixels of `picture`, and perhaps beyond its edges. */
  detect(picture: Pixels, search: Search): Promise<DetectedFace[]>
}
