import { unreachable } from "../../base/assert.ts"
import type { HttpNeeds } from "../needs.ts"
import { noSubject } from "../outcomes.ts"
import { erasureAnswer, erasuresAnswer } from "../people-answers.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"

/** What a person may ask for: to be told everything, and to be forgotten. */
export function peopleRoutes({ people }: Pick<HttpNeeds, "people">): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/subjects/{id}/export",
      access: "key",
      summary: "Everything held of a person as a zip with a manifest; other people in it are covered",
      answers: { 200: { mediaType: "application/zip", binary: true, streamed: true } },
      answerHeaders: { "content-disposition": "a name for the file, without the person's" },
      errors: ["not_found"],
      handle: ({ path }) => {
        const zip = people.export(path.id)
        if (zip === undefined) return noSubject()
        return reply(200, zip, { "content-disposition": `attachment; filename="person-${path.id}.zip"` })
      },
    }),

    route({
      method: "post",
      path: "/v1/subjects/{id}/erase",
      access: "key",
      summary: "Erase a person from everything the box holds, its backups too, with a signed receipt; there is no way back",
      answers: { 200: erasureAnswer, 202: erasureAnswer },
      errors: ["not_found"],
      handle: async ({ path }) => {
        const erased = await people.erase(path.id)
        switch (erased.kind) {
          case "erased":
            return reply(200, erased.erasure)
          case "pending":
            return reply(202, erased.erasure)
          case "no_subject":
            return noSubject()
          default:
            return unreachable(erased)
        }
      },
    }),

    route({
      method: "get",
      path: "/v1/erasures",
      access: "key",
      summary: "Who was erased, by ids that are nobody's any more, with the receipts",
      answers: { 200: erasuresAnswer },
      handle: () => reply(200, { items: people.erasures() }),
    }),

    route({
      method: "get",
      path: "/v1/erasures/{id}",
      access: "key",
      summary: "The erasure of the person who had this id, with the receipt once the last trace is gone",
      answers: { 200: erasureAnswer },
      errors: ["not_found"],
      handle: ({ path }) => {
        const erasure = people.erasure(path.id)
        return erasure === undefined
          ? problem("not_found", "nobody of this id was erased; DELETE on a subject is no erasure")
          : reply(200, erasure)
      },
    }),
  ]
}
