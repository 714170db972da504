import { unreachable } from "../base/assert.ts"
import type { Quality } from "../face/quality.ts"
import type { NoAnalysis } from "../pipeline/analyze.ts"
import type { Shortfall } from "../pipeline/enrol.ts"
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

export function lowQuality(quality: Quality, shortfalls: readonly Shortfall[]) {
  const figures = shortfalls.map(({ figure, value, min }) => `${figure} ${value.toFixed(3)} is below ${min}`).join(", ")
  return problem(
    "low_quality",
    `the face is not good enough to stand for a person: ${figures}; take a sharper, larger picture`,
    {
      details: { quality, shortfalls },
    },
  )
}

export function noSubject() {
  return problem("not_found", "there is no subject of this id; it may have been deleted")
}
