import { unreachable } from "../../base/assert.ts"
import type { Accepted } from "../../enrolment/enrolments.ts"
import { createRoute, goneSince } from "../create-route.ts"
import { jobAnswer, jobEvents, jobItemsAnswer, jobsAnswer } from "../enrolment-answers.ts"
import { jobItemsQuery, newJobBody, newJobQuery } from "../enrolment-requests.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { pageQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"

const located = { location: "where the job is told of" }
const locationOf = (id: string) => ({ location: `/v1/enrolments/${id}` })

/** Many people at once. */
export function enrolmentRoutes({ enrolments, creates }: HttpNeeds): Route[] {
  return [
    createRoute(creates, {
      method: "post",
      path: "/v1/enrolments",
      access: "key",
      summary: "Enrol many people: a zip or tar file with a folder of pictures for each, or lines of JSON; of any length",
      query: newJobQuery,
      body: newJobBody,
      // A repeated upload is known by its key before it is read.
      identity: ({ format, upload }) => ({ format, declaredBytes: upload.declaredBytes }),
      answers: { 202: jobAnswer },
      answerHeaders: located,
      errors: [
        "overloaded",
        "insufficient_storage",
        "body_too_large",
        "bad_request",
        "deadline_exceeded",
        "unsupported_media_type",
      ],
      handle: async ({ body: { format, upload }, query: { groups = [] }, caller }, created) => {
        const accepted = await enrolments.accept(upload, { format, groups, requestedBy: caller }, created)
        return accepted.kind === "accepted" ? reply(202, accepted.job, locationOf(accepted.job.id)) : notAccepted(accepted)
      },
      replay: ({ entityId }) => {
        const job = enrolments.get(entityId)
        return job === undefined ? goneSince(`the enrolment ${entityId}`) : reply(202, job, locationOf(job.id))
      },
    }),

    route({
      method: "get",
      path: "/v1/enrolments",
      access: "key",
      summary: "The enrolments of many, newest first",
      query: pageQuery,
      answers: { 200: jobsAnswer },
      handle: ({ query }) => reply(200, enrolments.list(query)),
    }),

    route({
      method: "get",
      path: "/v1/enrolments/{id}",
      access: "key",
      summary: "How far it has come",
      answers: { 200: jobAnswer },
      errors: ["not_found"],
      handle: ({ path }) => {
        const job = enrolments.get(path.id)
        return job === undefined ? noJob() : reply(200, job)
      },
    }),

    route({
      method: "get",
      path: "/v1/enrolments/{id}/items",
      access: "key",
      summary: "What became of each picture or line",
      query: jobItemsQuery,
      answers: { 200: jobItemsAnswer },
      errors: ["not_found"],
      handle: ({ path, query }) => {
        const page = enrolments.items(path.id, query)
        if (page === undefined) return noJob()
        const { items, next } = page
        return reply(200, next === undefined ? { items } : { items, next: String(next) })
      },
    }),

    route({
      method: "get",
      path: "/v1/enrolments/{id}/stream",
      access: "key",
      summary: "How far it has come, as it goes on; ends with the job",
      answers: { 200: jobEvents },
      errors: ["not_found", "overloaded"],
      handle: ({ path, signal }) => {
        const listening = enrolments.listen(path.id, signal)
        switch (listening.kind) {
          case "listening":
            return reply(200, listening.events)
          case "no_job":
            return noJob()
          case "full":
            return problem("overloaded", listening.why, { retryAfterS: listening.retryAfterS })
          default:
            return unreachable(listening)
        }
      },
    }),

    route({
      method: "delete",
      path: "/v1/enrolments/{id}",
      access: "key",
      summary: "Stop it, whoever is enrolled stays; of one that is over, delete the report",
      answers: { 200: jobAnswer, 204: "nothing" },
      errors: ["not_found"],
      handle: async ({ path }) => {
        const removed = await enrolments.remove(path.id)
        switch (removed.kind) {
          case "cancelled":
            return reply(200, removed.job)
          case "removed":
            return reply(204)
          case "no_job":
            return noJob()
          default:
            return unreachable(removed)
        }
      },
    }),
  ]
}

function notAccepted(outcome: Exclude<Accepted, { kind: "accepted" }>) {
  switch (outcome.kind) {
    case "full":
      return problem("overloaded", outcome.why, { retryAfterS: outcome.retryAfterS })
    case "no_room":
      return problem("overloaded", outcome.why, { retryAfterS: noRoomRetryAfterS })
    case "too_large":
      return problem(
        "body_too_large",
        `the body is larger than the ${outcome.bytesMax} bytes of enrolments.spoolBytesMax; send it in parts`,
      )
    case "disk_full":
      return problem("insufficient_storage", outcome.why)
    case "other_format":
      return problem("unsupported_media_type", outcome.why)
    case "cut":
      return problem("bad_request", "the connection ended before the body did; nothing of it is kept, send it again")
    case "too_slow":
      return problem("deadline_exceeded", "nothing of the body came for too long; nothing of it is kept, send it again", {
        retryAfterS: 1,
      })
    default:
      return unreachable(outcome)
  }
}

/** Another archive has to be worked off first. */
const noRoomRetryAfterS = 60

function noJob() {
  return problem("not_found", "there is no enrolment of this id; its report may have been deleted, or have left for newer ones")
}
