import type { Drawn } from "../../events/pictures/workshop.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"
import { sightingAnswer, sightingEvents, sightingsAnswer } from "../sighting-answers.ts"
import {
  readCursor,
  sightingsQuery,
  snapshotQuery,
  streamHeaders,
  streamQuery,
  thumbnailQuery,
  writeCursor,
} from "../sighting-requests.ts"

const jpeg = { mediaType: "image/jpeg", binary: true } as const

/** What was seen, and what is seen now. */
export function sightingRoutes({ sightings, live, workshop }: HttpNeeds): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/sightings",
      access: "key",
      summary: "What was seen, newest first",
      query: sightingsQuery,
      answers: { 200: sightingsAnswer },
      handle: ({ query: { limit, after, subject, ...filter } }) => {
        const cursor = after === undefined ? undefined : readCursor(after)
        const { items, next } = sightings.list({ ...filter, subjectId: subject }, limit, cursor)
        return reply(200, next === undefined ? { items } : { items, next: writeCursor(next) })
      },
    }),

    route({
      method: "get",
      path: "/v1/sightings/stream",
      access: "key",
      summary: "What is seen, as it is recorded. After a break `Last-Event-ID` brings what was recorded meanwhile",
      query: streamQuery,
      headers: streamHeaders,
      answers: { 200: sightingEvents },
      errors: ["overloaded"],
      handle: ({ query: { camera, subject }, headers, signal }) => {
        const listening = live.listen({ camera, subjectId: subject }, headers["last-event-id"], signal)
        if (listening.kind === "listening") return reply(200, listening.events)
        return problem("overloaded", listening.why, { retryAfterS: listening.retryAfterS })
      },
    }),

    route({
      method: "get",
      path: "/v1/sightings/{id}",
      access: "key",
      summary: "One sighting",
      answers: { 200: sightingAnswer },
      errors: ["not_found"],
      handle: ({ path }) => {
        const sighting = sightings.get(path.id)
        return sighting === undefined ? noSighting() : reply(200, sighting)
      },
    }),

    route({
      method: "delete",
      path: "/v1/sightings/{id}",
      access: "key",
      summary: "Delete a sighting with its picture",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path }) => (sightings.delete(path.id) ? reply(204) : noSighting()),
    }),

    route({
      method: "get",
      path: "/v1/sightings/{id}/snapshot.jpg",
      access: "key",
      summary: "The frame, made smaller, with a box and a name for each face",
      query: snapshotQuery,
      answers: { 200: jpeg },
      errors: ["not_found", "overloaded"],
      handle: async ({ path, query }) => {
        const sighting = sightings.get(path.id)
        if (sighting === undefined) return noSighting()
        const snapshot = sightings.snapshot(path.id)
        if (snapshot === undefined) return noSnapshot()
        return query.annotate ? drawn(await workshop.annotate(snapshot, sighting)) : reply(200, snapshot)
      },
    }),

    route({
      method: "get",
      path: "/v1/sightings/{id}/thumbnail.jpg",
      access: "key",
      summary: "The frame in the size of a list, as the camera saw it",
      query: thumbnailQuery,
      answers: { 200: jpeg },
      errors: ["not_found", "overloaded"],
      handle: async ({ path, query }) => {
        const snapshot = sightings.snapshot(path.id)
        if (snapshot === undefined) return sightings.get(path.id) === undefined ? noSighting() : noSnapshot()
        return drawn(await workshop.thumbnail(snapshot, query.widthPx))
      },
    }),
  ]
}

function drawn(outcome: Drawn) {
  if (outcome.kind === "drawn") return reply(200, outcome.jpeg)
  return problem("overloaded", "as many pictures are waiting to be drawn as may wait; try again shortly", {
    retryAfterS: outcome.retryAfterS,
  })
}

function noSighting() {
  return problem("not_found", "there is no sighting of this id; it may have been deleted, or have left by age or size")
}

function noSnapshot() {
  return problem(
    "not_found",
    "this sighting was recorded without a picture; sightings.keepSnapshots in the configuration keeps them",
  )
}
