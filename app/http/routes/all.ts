import { openApiAnswer } from "../answers.ts"
import type { HttpNeeds } from "../needs.ts"
import { openApi } from "../openapi.ts"
import { type Route, reply, route } from "../route.ts"
import { compareRoutes } from "./compare.ts"
import { diagnosticsRoutes } from "./diagnostics.ts"
import { faceRoutes } from "./faces.ts"
import { recognizeRoutes } from "./recognize.ts"
import { subjectRoutes } from "./subjects.ts"
import { systemRoutes } from "./system.ts"

/** Every route there is, with the one that describes them all. */
export function allRoutes(needs: HttpNeeds): Route[] {
  const routes: Route[] = [
    ...recognizeRoutes(needs),
    ...compareRoutes(needs),
    ...subjectRoutes(needs),
    ...faceRoutes(needs),
    ...systemRoutes(needs),
    ...diagnosticsRoutes(needs),
    route({
      method: "get",
      path: "/openapi.json",
      access: "open",
      summary: "This description",
      answers: { 200: openApiAnswer },
      handle: () => reply(200, document),
    }),
  ]
  const document = openApi(routes)
  return routes
}
