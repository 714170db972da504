import { unreachable } from "../base/assert.ts"
import type { Quality } from "../face/quality.ts"
import type { NoAnalysis } from "../pipeline/analyze.ts"
import type { SubjectFace } from "../pipeline/subject-face.ts"
import { problem } from "./problem.ts"

/** How the outcomes that several routes share are said over HTTP. */

export const analysisCodes = [
  "unsupported_media_type",
  "image_too_large",
  "bad_image",
  "overloaded",
  "unavailable",
  "deadline_exceeded",
  "superseded",
] as const

export const subjectFaceCodes = ["no_face", "several_faces"] as const

export function noAnalysis(outcome: NoAnalysis) {
  switch (outcome.kind) {
    case "refused":
      return problem(outcome.reason, outcome.why)
    case "overloaded":
      return problem("overloaded", "as many pictures are waiting as may wait; try again after Retry-After seconds", {
        retryAfterS: outcome.retryAfterS,
      })
    case "unavailable":
      return problem("unavailable", outcome.why, { retryAfterS: outcome.retryAfterS })
    case "expired":
      return problem("deadline_exceeded", "no engine was free before the deadline; try again, or allow more by x-deadline-ms", {
        retryAfterS: outcome.retryAfterS,
      })
    case "superseded":
      return problem("superseded", "a newer frame of this camera took its place; send the next one", {
        retryAfterS: outcome.retryAfterS,
      })
    case "abandoned":
      return problem("deadline_exceeded", "the caller left before an engine was free", { retryAfterS: 1 })
    default:
      return unreachable(outcome)
  }
}

export function noSubjectFace(outcome: Exclude<SubjectFace, { kind: "face" }>, where: string) {
  switch (outcome.kind) {
    case "no_face":
      return problem("no_face", `no face was found in ${where}; show one from the front, and see faceWidthPxMin for small ones`)
    case "several_faces":
      return problem(
        "several_faces",
        `${where} shows ${outcome.faces.length} faces that could be meant; crop it to the person, or step closer`,
        { details: { faces: outcome.faces.map(({ box, score }) => ({ box, score })) } },
      )
    default:
      return unreachable(outcome)
  }
}

export function lowQuality(quality: Quality, qualityScoreMin: number) {
  const { score, sharpness, brightness, contrast, faceWidthPx, yaw, pitch } = quality
  const figures = `sharpness ${sharpness.toFixed(2)}, brightness ${brightness.toFixed(2)}, contrast ${contrast.toFixed(2)}, ${Math.round(faceWidthPx)} px wide, turned ${Math.round(yaw)}° and nodded ${Math.round(pitch)}°`
  return problem(
    "low_quality",
    `the face is not good enough to stand for a person: its score is ${score.toFixed(2)}, at least ${qualityScoreMin} is asked (${figures})`,
    { details: { quality, qualityScoreMin } },
  )
}

export function noSubject() {
  return problem("not_found", "there is no subject of this id; it may have been deleted")
}

/** Nothing is acknowledged that is not on disk: whoever sent it may send it again. `why` names the disk, not a person. */
export function notRecorded(why: string) {
  return problem("unavailable", `the picture was recognised but could not be recorded: ${why}`, { retryAfterS: 5 })
}
