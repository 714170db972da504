import { unreachable } from "../../base/assert.ts"
import type { Rearranged, Undone } from "../../people/rearrange.ts"
import { jsonBody } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { noSubject } from "../outcomes.ts"
import { mergeJson, rearrangedAnswer, rearrangementsAnswer, splitJson, undoneAnswer } from "../people-answers.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"

/** One person of two, two of one, and back. */
export function rearrangementRoutes({ gallery, people: { rearrangements } }: Pick<HttpNeeds, "gallery" | "people">): Route[] {
  return [
    route({
      method: "post",
      path: "/v1/subjects/{id}/merge",
      access: "key",
      summary: "Another person turns out to be this one: faces, groups and sightings become this person's. It can be undone",
      body: jsonBody(mergeJson),
      answers: { 200: rearrangedAnswer },
      errors: ["not_found", "conflict"],
      handle: ({ path, body }) => {
        const merged = rearrangements.merge(body.from, path.id)
        if (merged.kind !== "done") return refused(merged)
        return reply(200, { subject: merged.done.subject, rearrangement: merged.rearrangement })
      },
    }),

    route({
      method: "post",
      path: "/v1/subjects/{id}/split",
      access: "key",
      summary: "Some of a person's faces turn out to be somebody else's, who is added with them. It can be undone",
      body: jsonBody(splitJson),
      answers: { 201: rearrangedAnswer },
      errors: ["not_found", "conflict"],
      handle: ({ path, body: { faceIds, ...fields } }) => {
        const split = rearrangements.split(path.id, faceIds, fields)
        if (split.kind !== "done") return refused(split)
        return reply(201, { subject: split.done.subject, rearrangement: split.rearrangement })
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}/rearrangements",
      access: "key",
      summary: "Whom this person was made of, or who was taken out; newest first, as far as it can be undone",
      answers: { 200: rearrangementsAnswer },
      errors: ["not_found"],
      handle: ({ path }) =>
        gallery.subject(path.id) === undefined ? noSubject() : reply(200, { items: rearrangements.of(path.id) }),
    }),

    route({
      method: "post",
      path: "/v1/rearrangements/{id}/undo",
      access: "key",
      summary: "Undo a merge or a split; of several on one person the newest first",
      answers: { 200: undoneAnswer },
      errors: ["not_found", "conflict"],
      handle: ({ path }) => {
        const undone = rearrangements.undo(path.id)
        return undone.kind === "undone" ? reply(200, { undone: undone.rearrangement }) : notUndone(undone)
      },
    }),
  ]
}

type Refused = Exclude<Rearranged<unknown>, { kind: "done" }>

function refused(outcome: Refused) {
  switch (outcome.kind) {
    case "no_subject":
      return problem("not_found", `there is no subject ${outcome.subjectId}; it may have been deleted`)
    case "no_face":
      return problem("not_found", `this person has no face ${outcome.faceId}; GET …/faces lists them`)
    case "same_subject":
      return problem("conflict", "both are the same person already")
    case "external_id_taken":
      return problem("conflict", `this externalId belongs to another subject, ${outcome.subjectId}`, {
        details: { subjectId: outcome.subjectId },
      })
    case "unfit":
      return problem("conflict", outcome.why)
    default:
      return unreachable(outcome)
  }
}

function notUndone(outcome: Exclude<Undone, { kind: "undone" }>) {
  switch (outcome.kind) {
    case "no_rearrangement":
      return problem("not_found", "nothing of this id can be undone: it was, its time is over, or the person was deleted")
    case "subject_exists":
      return problem("conflict", "the person is there already: a backup or somebody has brought them back")
    default:
      return refused(outcome)
  }
}
