import { subjectAnswer, subjectsAnswer } from "../answers.ts"
import { jsonBody } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { noSubject } from "../outcomes.ts"
import { subjectJson, subjectsQuery } from "../requests.ts"
import { type Route, reply, route } from "../route.ts"
import { pageOf } from "./page.ts"

/** The people of the gallery. */
export function subjectRoutes({ gallery }: HttpNeeds): Route[] {
  return [
    route({
      method: "post",
      path: "/v1/subjects",
      access: "key",
      summary: "Add a person",
      body: jsonBody(subjectJson),
      answers: { 201: subjectAnswer },
      handle: ({ body }) => reply(201, gallery.createSubject(body.name)),
    }),

    route({
      method: "get",
      path: "/v1/subjects",
      access: "key",
      summary: "The people, oldest first",
      query: subjectsQuery,
      answers: { 200: subjectsAnswer },
      handle: ({ query: { limit, after, name } }) => {
        const page = name === undefined ? gallery.subjects(limit, after) : pageOf(gallery.subjectsNamed(name), limit, after)
        return reply(200, page)
      },
    }),

    route({
      method: "get",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "One person",
      answers: { 200: subjectAnswer },
      errors: ["not_found"],
      handle: ({ path }) => {
        const subject = gallery.subject(path.id)
        return subject === undefined ? noSubject() : reply(200, subject)
      },
    }),

    route({
      method: "patch",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "Rename a person",
      body: jsonBody(subjectJson),
      answers: { 200: subjectAnswer },
      errors: ["not_found"],
      handle: ({ path, body }) => {
        const subject = gallery.renameSubject(path.id, body.name)
        return subject === undefined ? noSubject() : reply(200, subject)
      },
    }),

    route({
      method: "delete",
      path: "/v1/subjects/{id}",
      access: "key",
      summary: "Delete a person with all faces; the very next search no longer finds them",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path }) => (gallery.deleteSubject(path.id) ? reply(204) : noSubject()),
    }),
  ]
}
