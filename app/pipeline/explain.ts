import { unreachable } from "../base/assert.ts"
import type { Enrolment } from "./enrol.ts"

/** Why a picture gave no face to work with, for a person. */
export function explain(outcome: Exclude<Enrolment, { kind: "enrolled" }>): string {
  switch (outcome.kind) {
    case "refused":
    case "unavailable":
      return outcome.why
    case "overloaded":
    case "expired":
    case "superseded":
    case "abandoned":
      return "the engines did not keep up; try again with fewer pictures at once"
    case "no_face":
      return "no face found"
    case "several_faces":
      return `${outcome.faces.length} faces of similar size; crop it to the one that is meant`
    case "low_quality":
      return `too poor a picture: quality ${outcome.quality.score.toFixed(2)}, at least ${outcome.qualityScoreMin} is asked for`
    case "no_subject":
      return "the person was deleted meanwhile"
    default:
      return unreachable(outcome)
  }
}
