import { unreachable } from "../../base/assert.ts"
import { jsonBody } from "../body.ts"
import type { HttpNeeds } from "../needs.ts"
import { flipJson, reembeddingAnswer, reembedJson } from "../people-answers.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"

/** Another network in the place of the one that serves, and back. */
export function reembeddingRoutes({ reembedding }: Pick<HttpNeeds, "reembedding">): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/system/reembedding",
      access: "key",
      summary: "Which model set answers, and how far another one is filled from the pictures that are kept",
      answers: { 200: reembeddingAnswer },
      handle: () => reply(200, reembedding.status()),
    }),

    route({
      method: "post",
      path: "/v1/system/reembedding",
      access: "key",
      summary:
        "Embed every face that has a picture with another model set, in the background; asked again, what has come since",
      body: jsonBody(reembedJson),
      answers: { 202: reembeddingAnswer },
      errors: ["conflict", "bad_request"],
      handle: async ({ body }) => {
        const begun = await reembedding.begin(body.set)
        switch (begun.kind) {
          case "begun":
            return reply(202, reembedding.status())
          case "conflict":
            return problem("conflict", begun.why)
          case "failed":
            return problem("bad_request", begun.why)
          default:
            return unreachable(begun)
        }
      },
    }),

    route({
      method: "post",
      path: "/v1/system/reembedding/flip",
      access: "key",
      summary: "The set that was filled answers from now on, and the other one can be flipped back to",
      body: jsonBody(flipJson),
      answers: { 200: reembeddingAnswer },
      errors: ["conflict"],
      handle: async ({ body }) => {
        const flipped = await reembedding.flip(body.anyway)
        switch (flipped.kind) {
          case "flipped":
            return reply(200, reembedding.status())
          case "no_shadow":
            return problem("conflict", "nothing is embedded again; POST /v1/system/reembedding begins")
          case "incomplete": {
            const { faces, covered } = flipped.coverage
            const words = `${faces - covered} of ${faces} faces are not in the new space, and would not be found: wait, enrol them again, or say anyway`
            return problem("conflict", words, { details: { faces, covered } })
          }
          default:
            return unreachable(flipped)
        }
      },
    }),

    route({
      method: "delete",
      path: "/v1/system/reembedding",
      access: "key",
      summary: "Let the engines go that do not serve; what was embedded stays",
      answers: { 204: "nothing" },
      handle: async () => {
        await reembedding.end()
        return reply(204)
      },
    }),
  ]
}
