import { unreachable } from "../../base/assert.ts"
import type { Subject } from "../../gallery/gallery.ts"
import { subjectAnswer, subjectsAnswer } from "../answers.ts"
import { jsonBody } from "../body.ts"
import { createRoute, goneSince } from "../create-route.ts"
import { etagHeader, etagOf, ifMatch, ifMatchHeaders, ifNoneMatchHeaders, isKnown } from "../etag.ts"
import type { HttpNeeds } from "../needs.ts"
import { noSubject } from "../outcomes.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"
import { newSubjectJson, subjectChangeJson, subjectsQuery } from "../subject-requests.ts"

/** The people of the gallery. */
export function subjectRoutes({ gallery, creates }: HttpNeeds): Route[] {
  return [
    createRoute(creates, {
      method: "post",
      path: "/v1/subjects",
      access: "key",
      summary: "Add a person",
      body: jsonBody(newSubjectJson),
      answers: { 201: subjectAnswer },
      answerHeaders: etagHeader,
      errors: ["conflict", "bad_request"],
      handle: ({ body }, created) => {
        const added = gallery.addSubject(body, created)
        switch (added.kind) {
          case "added":
            return reply(201, added.subject, versionOf(added.subject))
          case "external_id_taken":
            return externalIdTaken(added.subjectId)
          case "unfit":
            return problem("bad_request", added.why)
          default:
            return unreachable(added)
        }
      },
      replay: ({ entityId }) => {
        const subject = gallery.subject(entityId)
        return subject === undefined ? goneSince(`the subject ${entityId}`) : reply(201, subject, versionOf(subject))
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects",
      access: "key",
      summary: "The people, oldest first",
      query: subjectsQuery,
      answers: { 200: subjectsAnswer },
      handle: ({ query }) => reply(200, gallery.subjects(query)),
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "One person",
      headers: ifNoneMatchHeaders,
      answers: { 200: subjectAnswer, 304: "nothing" },
      answerHeaders: etagHeader,
      errors: ["not_found"],
      handle: ({ path, headers }) => {
        const subject = gallery.subject(path.id)
        if (subject === undefined) return noSubject()
        if (isKnown(subject, headers["if-none-match"])) return reply(304, undefined, versionOf(subject))
        return reply(200, subject, versionOf(subject))
      },
    }),

    route({
      method: "patch",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "Change what is given of a person; null clears, metadata is merged",
      headers: ifMatchHeaders,
      body: jsonBody(subjectChangeJson),
      answers: { 200: subjectAnswer },
      answerHeaders: etagHeader,
      errors: ["not_found", "conflict", "bad_request", "precondition_failed"],
      handle: ({ path, headers, body }) => {
        const updated = gallery.updateSubject(path.id, body, ifMatch(headers["if-match"]))
        switch (updated.kind) {
          case "updated":
            return reply(200, updated.subject, versionOf(updated.subject))
          case "no_subject":
            return noSubject()
          case "changed_since":
            return changedSince(updated.subject)
          case "external_id_taken":
            return externalIdTaken(updated.subjectId)
          case "unfit":
            return problem("bad_request", updated.why)
          default:
            return unreachable(updated)
        }
      },
    }),

    route({
      method: "delete",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "Delete a person with all faces; the very next search no longer finds them",
      headers: ifMatchHeaders,
      answers: { 204: "nothing" },
      answerHeaders: etagHeader,
      errors: ["not_found", "precondition_failed"],
      handle: ({ path, headers }) => {
        const deleted = gallery.deleteSubject(path.id, ifMatch(headers["if-match"]))
        switch (deleted.kind) {
          case "deleted":
            return reply(204)
          case "no_subject":
            return noSubject()
          case "changed_since":
            return changedSince(deleted.subject)
          default:
            return unreachable(deleted)
        }
      },
    }),
  ]
}

const versionOf = (subject: Subject) => ({ etag: etagOf(subject) })

function changedSince(present: Subject) {
  const words = `the subject is at version ${present.version} by now; read it again, and decide whether the change still makes sense`
  return problem("precondition_failed", words, { headers: versionOf(present) })
}

function externalIdTaken(subjectId: string) {
  return problem("conflict", `this externalId belongs to another subject, ${subjectId}`, { details: { subjectId } })
}
