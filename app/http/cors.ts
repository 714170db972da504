import type { MiddlewareHandler } from "hono"
import { cors } from "hono/cors"
import { timedHeaders } from "./requests.ts"
import type { Route } from "./route.ts"

/** Browsers ask again after so long whether a page may. */
const preflightMaxAgeS = 600

/**
 * Lets pages of the named origins ask this box from a browser; all others get the answer that a box without CORS gives. No
 * cookies are involved: a page must hold a key as any other client.
 */
export function crossOrigin(origins: readonly string[], routes: readonly Route[]): MiddlewareHandler {
  const told = routes.flatMap(({ headers }) => Object.keys(headers?.shape ?? {}))
  const answered = routes.flatMap(({ answerHeaders }) => Object.keys(answerHeaders ?? {}))
  const allow = cors({
    origin: [...origins],
    allowMethods: [...new Set(routes.map(({ method }) => method.toUpperCase()))],
    allowHeaders: unique(
      "authorization",
      "x-api-key",
      "content-type",
      "traceparent",
      ...Object.keys(timedHeaders.shape),
      ...told,
    ),
    exposeHeaders: unique("x-request-id", "traceparent", "retry-after", ...answered),
    maxAge: preflightMaxAgeS,
  })
  return async (c, next) => {
    const origin = c.req.header("origin")
    return origin !== undefined && origins.includes(origin) ? allow(c, next) : next()
  }
}

function unique(...names: string[]): string[] {
  return [...new Set(names)]
}
