import { openApiAnswer } from "../answers.ts"
import type { HttpNeeds } from "../needs.ts"
import { openApi } from "../openapi.ts"
import { problem } from "../problem.ts"
import { type Route, reply, route } from "../route.ts"
import { backupRoutes } from "./backups.ts"
import { bundleRoutes } from "./bundles.ts"
import { compareRoutes } from "./compare.ts"
import { diagnosticsRoutes } from "./diagnostics.ts"
import { docsRoutes } from "./docs.ts"
import { enrolmentRoutes } from "./enrolments.ts"
import { faceRoutes } from "./faces.ts"
import { impostorRoutes } from "./impostors.ts"
import { ingestRoutes } from "./ingest.ts"
import { peopleRoutes } from "./people.ts"
import { rearrangementRoutes } from "./rearrangements.ts"
import { recognizeRoutes } from "./recognize.ts"
import { reembeddingRoutes } from "./reembedding.ts"
import { setupRoutes } from "./setup.ts"
import { sightingRoutes } from "./sightings.ts"
import { subjectRoutes } from "./subjects.ts"
import { syncRoutes } from "./sync.ts"
import { systemRoutes } from "./system.ts"

/** Every route there is, with the one that describes them all. */
export function allRoutes(needs: HttpNeeds): Route[] {
  // Written once, when it is asked for first: anybody may ask, and no start has to wait for it.
  let document: string | undefined
  const routes: Route[] = [
    ...tagged("Recognition", whileSeeing([...recognizeRoutes(needs), ...compareRoutes(needs)], needs)),
    ...tagged("People", [
      ...subjectRoutes(needs),
      ...faceRoutes(needs),
      ...impostorRoutes(needs),
      ...peopleRoutes(needs),
      ...rearrangementRoutes(needs),
      ...enrolmentRoutes(needs),
    ]),
    ...tagged("Sightings", [...whileSeeing(ingestRoutes(needs), needs), ...sightingRoutes(needs)]),
    ...tagged("The box", [
      ...systemRoutes(needs),
      ...syncRoutes(needs),
      ...bundleRoutes(needs),
      ...diagnosticsRoutes(needs),
      ...backupRoutes(needs),
      ...reembeddingRoutes(needs),
      ...setupRoutes(needs),
      route({
        method: "get",
        path: "/openapi.json",
        access: "open",
        summary: "This description",
        answers: { 200: { mediaType: "application/json", schema: openApiAnswer } },
        handle: () => {
          document ??= JSON.stringify(openApi(routes))
          return reply(200, document)
        },
      }),
      ...docsRoutes(),
    ]),
  ]
  return routes
}

/** Nobody's name is told while it is not known whether he was erased meanwhile. */
function whileSeeing(routes: readonly Route[], { sync }: Pick<HttpNeeds, "sync">): Route[] {
  return routes.map((described) => {
    if (described.recognizes !== true) return described
    const handle: Route["handle"] = (call) => {
      const why = sync()?.whyBlind()
      return why === undefined ? described.handle(call) : problem("unavailable", why, { retryAfterS: blindRetryAfterS })
    }
    return { ...described, handle }
  })
}

const blindRetryAfterS = 5

function tagged(tag: string, routes: readonly Route[]): Route[] {
  return routes.map((route) => ({ ...route, tag }))
}
