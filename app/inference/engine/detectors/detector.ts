import type { DetectedFace } from "../../../face/face.ts"
import type { Pixels } from "../../../face/pixels.ts"

export interface Detector {
  /**
   * Faces in no special order, in pixels of `picture`, and perhaps beyond its edges.
   * @param faceWidthPxMin what is looked for; smaller faces may be among the answer
   */
  detect(picture: Pixels, faceWidthPxMin: number): Promise<DetectedFace[]>
}

/**
 * No detector looks at more pixels at once: 4 MP hold about 1 GB of intermediate values. A picture with more of them is looked
 * at more coarsely, and its smallest faces stay unseen.
 */
export const inputPxMax = 4_000_000
