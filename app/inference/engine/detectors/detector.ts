import type { DetectedFace } from "../../../face/face.ts"
import type { Pixels } from "../../../face/pixels.ts"

export interface Detector {
  /**
   * Faces in no special order, in pixels of `picture`, and perhaps beyond its edges.
   * @param faceWidthPxMin what is looked for; smaller faces may be among the answer
   */
  detect(picture: Pixels, faceWidthPxMin: number): Promise<DetectedFace[]>
}
