import { assert, unreachable } from "../base/assert.ts"
import type { Space } from "../face/embedding.ts"
import type { DetectedFace } from "../face/face.ts"
import type { Quality } from "../face/quality.ts"
import type { Gallery, GalleryFace, NewFace, Subject } from "../gallery/gallery.ts"
import { type Analyze, type LookOptions, lookAt, type NoAnalysis } from "./analyze.ts"
import { type LookAlike, type LookAlikeNeeds, lookAlikesOf } from "./look-alikes.ts"
import { type FaceRule, type SubjectFace, subjectFace } from "./subject-face.ts"
import { type GivenVector, readVector, type VectorRefusal } from "./vector.ts"

export interface EnrolNeeds extends LookAlikeNeeds {
  readonly analyze: Analyze
  readonly subject: (id: string) => Subject | undefined
  readonly addFace: Gallery["addFace"]
  /** Runs in the transaction that adds the face. */
  readonly created?: (faceId: string, ignoredFaces: readonly DetectedFace[]) => void
  /** The space the engines embed into. */
  readonly space: Space
}

/** With `chips` the picture of the face is kept with it. */
export interface EnrolOptions extends LookOptions {
  readonly faces: FaceRule
  /** Least quality score of a picture that may stand for a person; the score is low when any one figure is. */
  readonly qualityScoreMin: number
}

export type Enrolment =
  | {
      readonly kind: "enrolled"
      readonly face: GalleryFace
      readonly ignoredFaces: readonly DetectedFace[]
      /** Told once the face is there: two people enrolled at the same moment do not miss each other. */
      readonly lookAlikes: readonly LookAlike[]
    }
  | { readonly kind: "no_subject" }
  | NoFace

/** Why nothing in a picture may stand for a person. */
export type NoFace =
  | Exclude<SubjectFace, { kind: "face" }>
  | { readonly kind: "low_quality"; readonly quality: Quality; readonly qualityScoreMin: number }
  | NoAnalysis

/** A face that may stand for a person, whoever that is: a `NewFace` without its subject. */
export interface FoundFace {
  readonly kind: "found"
  readonly face: Omit<NewFace, "subjectId">
  readonly ignoredFaces: readonly DetectedFace[]
}

/** Adds the face in a picture of one person to that person. */
export async function enrol(
  picture: Uint8Array,
  subjectId: string,
  needs: EnrolNeeds,
  options: EnrolOptions,
): Promise<Enrolment> {
  if (needs.subject(subjectId) === undefined) return { kind: "no_subject" }
  const found = await findFace(picture, needs, options)
  if (found.kind !== "found") return found
  const { ignoredFaces } = found
  const added = needs.addFace({ subjectId, ...found.face }, (faceId) => needs.created?.(faceId, ignoredFaces))
  switch (added.kind) {
    case "added":
      return { kind: "enrolled", face: added.face, ignoredFaces, lookAlikes: await lookAlikesOf(added.face.id, needs) }
    case "no_subject": // Deleted while the engines were at work.
      return added
    case "bad_vector":
      throw new Error(`an engine's own vector was refused: ${added.why}`)
    default:
      return unreachable(added)
  }
}

/** The face in a picture of one person, good enough to stand for that person from now on. Nothing is written. */
export async function findFace(
  picture: Uint8Array,
  needs: Pick<EnrolNeeds, "analyze" | "space">,
  options: EnrolOptions,
): Promise<FoundFace | NoFace> {
  const analysis = await lookAt(picture, needs, "largest", options)
  if (analysis.kind !== "ok") return analysis

  const found = subjectFace(analysis.faces, options.faces)
  if (found.kind !== "face") return found
  const { quality, embedding: vector, chip } = found.face
  // Written so that a score that is no number does not pass either.
  const { qualityScoreMin } = options
  if (!(quality.score >= qualityScoreMin)) return { kind: "low_quality", quality, qualityScoreMin }

  assert(vector !== undefined, "an engine asked to embed the largest face embeds it")
  const face = { space: needs.space, vector, source: "picture" as const, quality, chip }
  return { kind: "found", face, ignoredFaces: found.ignoredFaces }
}

export type VectorEnrolment =
  | { readonly kind: "enrolled"; readonly face: GalleryFace; readonly lookAlikes: readonly LookAlike[] }
  | { readonly kind: "no_subject" }
  | VectorRefusal

/** Adds a vector that was made elsewhere in the same space; its quality is the sender's affair. */
export async function enrolVector(
  given: GivenVector,
  subjectId: string,
  needs: Omit<EnrolNeeds, "analyze" | "subject">,
): Promise<VectorEnrolment> {
  const read = readVector(given, needs.space)
  if (read.kind !== "ok") return read
  const added = needs.addFace({ subjectId, ...read.embedding, source: "vector" }, (faceId) => needs.created?.(faceId, []))
  if (added.kind !== "added") return added
  return { kind: "enrolled", face: added.face, lookAlikes: await lookAlikesOf(added.face.id, needs) }
}
