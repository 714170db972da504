import type { AnalyzedFace, DetectedFace } from "../face/face.ts"

/** A second face counts when it is at least so wide as part of the largest: smaller ones stand in the background. */
const secondFaceShare = 0.5

export type FaceRule =
  /** Bystanders smaller than half of the largest face are left aside. */
  | "largest"
  /** One face and no other. */
  | "single"

export type SubjectFace =
  | { readonly kind: "face"; readonly face: AnalyzedFace; readonly ignoredFaces: readonly DetectedFace[] }
  | { readonly kind: "no_face" }
  /** Largest first; nobody can say whom the picture is meant to show. */
  | { readonly kind: "several_faces"; readonly faces: readonly DetectedFace[] }

/** The one face a picture of one person is about. `faces` come largest first, as the engines give them. */
export function subjectFace(faces: readonly AnalyzedFace[], rule: FaceRule): SubjectFace {
  const [face, ...others] = faces
  if (face === undefined) return { kind: "no_face" }
  const rivalWidthPxMin = rule === "single" ? 0 : face.box.width * secondFaceShare
  const rivals = others.filter(({ box }) => box.width >= rivalWidthPxMin)
  return rivals.length > 0 ? { kind: "several_faces", faces: [face, ...rivals] } : { kind: "face", face, ignoredFaces: others }
}
