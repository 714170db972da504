import { z } from "zod"
import { nothingOpen } from "../../sync/link/report.ts"
import { stampMs } from "../../sync/stamp.ts"
import type { HttpNeeds } from "../needs.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"
import { syncAnswer, syncOpenAnswer } from "../sync-answers.ts"

/** Of each kind. */
const listedMax = 200

/** How a box of a site gets on with the others. */
export function syncRoutes({ sync }: Pick<HttpNeeds, "sync">): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/sync",
      access: "key",
      summary: "The site this box belongs to: its hub, how far behind, what waits to go there, who confirmed which erasure",
      answers: { 200: syncAnswer },
      handle: () => reply(200, sync()?.report() ?? { state: "outside" }),
    }),

    route({
      method: "get",
      path: "/v1/sync/conflicts",
      access: "key",
      summary: "What waits for a person: conflicts, versions from the future, and what was not believed",
      answers: { 200: syncOpenAnswer },
      handle: () => {
        const { conflicts, fromTheFuture, refused } = sync()?.open(listedMax) ?? nothingOpen
        return reply(200, {
          conflicts: [...conflicts],
          fromTheFuture: fromTheFuture.map(({ entity, stamp, origin, atMs }) => ({
            entity,
            writtenAtMs: stampMs(stamp),
            box: origin.slice(0, origin.indexOf(".")),
            atMs,
          })),
          refused: [...refused],
        })
      },
    }),

    route({
      method: "delete",
      path: "/v1/sync/conflicts/{conflict}",
      parameters: z.strictObject({ conflict: z.string().regex(/^[1-9]\d{0,14}$/, "the `id` of a conflict") }),
      access: "key",
      summary: "Somebody has looked at a conflict: it leaves the list, and both people stay as they are",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path: { conflict } }) =>
        sync()?.resolveConflict(Number(conflict)) === true
          ? reply(204)
          : problem("not_found", `there is no conflict ${conflict}`),
    }),

    route({
      method: "delete",
      path: "/v1/sync/future/{entity}",
      parameters: z.strictObject({ entity: z.string().regex(/^[0-9a-f]{32}(\.[0-9a-f]{32}){0,2}$/) }),
      access: "key",
      summary: "Somebody has looked at a version from the future: it leaves the list, and counts as it did",
      answers: { 204: "nothing" },
      errors: ["not_found"],
      handle: ({ path: { entity } }) =>
        sync()?.resolveFuture(entity) === true ? reply(204) : problem("not_found", `${entity} is not in the list`),
    }),
  ]
}
