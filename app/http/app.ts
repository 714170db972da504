import { type Context, Hono } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { assert } from "../base/assert.ts"
import { StorageTrouble } from "../base/storage-trouble.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import { type RequestSpan, toTraceparent } from "../base/trace.ts"
import { BrokenSeal } from "../vault/broken.ts"
import { crossOrigin } from "./cors.ts"
import { type Door, pass } from "./door.ts"
import { type AnyEvent, eventStream, type Listener } from "./event-stream.ts"
import { createIntake } from "./intake.ts"
import type { HttpNeeds } from "./needs.ts"
import { type Problem, problem, statusOf } from "./problem.ts"
import { createRateLimit } from "./rate.ts"
import { type AnyReply, type Content, literalFirst, type Route } from "./route.ts"
import { allRoutes } from "./routes/all.ts"
import { refuseUnclaimed } from "./unclaimed.ts"

/** What the server knows of a connection and a `Request` does not tell. */
export interface Connection {
  readonly address?: string | undefined
  /** Whether it came over TLS. */
  readonly isSecure?: boolean | undefined
}

interface Variables {
  requestId: string
  trace: RequestSpan
  arrivedTickMs: number
  /** Pattern of the route, never the path itself: that may hold ids. */
  route: string
  bytesIn: number
  bytesOut: number
}

type Env = { Bindings: Connection; Variables: Variables }

/** The bodies of all requests in flight may take as much memory as so many of the largest pictures. */
const picturesInFlight = 32

/** Old sightings leave within moments when the disk is full; everything else takes a person. */
const diskRetryAfterS = 2

/** The HTTP face of the box. Ask it with `app.request(path, init, connection)`, or serve it with `serveHttp`. */
export function createHttpApp(needs: HttpNeeds, described: readonly Route[] = allRoutes(needs)): Hono<Env> {
  const routes = literalFirst(described)
  const door: Door = {
    keys: needs.keys,
    rate: createRateLimit(needs.http),
    intake: createIntake(picturesInFlight * needs.http.imageBytesMax),
    budgetMs: needs.recognition.budgetMs,
    bodyReadMs: needs.http.bodyReadMs,
    metrics: needs.metrics,
  }
  const app = new Hono<Env>()
  app.use(observe(needs))
  // A box never loses its owner: one that has him asks nothing before each request.
  if (needs.claim.isAwaited()) app.use(untilClaimed(needs))
  if (needs.http.corsOrigins.length > 0) app.use(crossOrigin(needs.http.corsOrigins, routes))
  for (const route of routes) mount(app, route, door, needs)
  for (const [path, methods] of Map.groupBy(routes, ({ path }) => path)) {
    const allow = methods.map(({ method }) => (method === "get" ? "GET, HEAD" : method.toUpperCase())).join(", ")
    app.all(honoPath(path), (c) => {
      c.set("route", path)
      return sendProblem(c, problem("method_not_allowed", `${path} takes ${allow}`, { headers: { allow } }))
    })
  }
  app.notFound((c) => sendProblem(c, problem("not_found", "there is no such path; /openapi.json lists those there are")))
  app.onError((error, c) => {
    if (error instanceof StorageTrouble) {
      needs.log.error({ requestId: c.var.requestId, route: c.var.route, why: error.message }, "a request failed at the disk")
      return sendProblem(c, problem("unavailable", `nothing was changed: ${error.message}`, { retryAfterS: diskRetryAfterS }))
    }
    if (error instanceof BrokenSeal) {
      needs.log.error({ requestId: c.var.requestId, route: c.var.route, why: error.message }, "a stored value is refused")
      return sendProblem(c, problem("internal", `a stored value is refused: ${error.message}`))
    }
    needs.log.error({ requestId: c.var.requestId, route: c.var.route, err: error }, "a bug: the request was not answered")
    return sendProblem(c, problem("internal", "something is broken in the box; its log has the cause under this requestId"))
  })
  return app
}

function mount(app: Hono<Env>, route: Route, door: Door, { log, http }: HttpNeeds) {
  app.on(route.method.toUpperCase(), honoPath(route.path), async (c) => {
    c.set("route", route.path)
    const leaving = new AbortController()
    const leave = () => leaving.abort()
    const { signal } = c.req.raw
    if (signal.aborted) leave()
    else signal.addEventListener("abort", leave, { once: true })
    const reply = await pass(
      {
        request: c.req.raw,
        visitor: { headers: c.req.raw.headers, connection: c.env ?? {} },
        requestId: c.var.requestId,
        parameters: c.req.param(),
        query: c.req.queries(),
        arrivedTickMs: c.var.arrivedTickMs,
        trace: c.var.trace,
        signal: leaving.signal,
        countBytes: (bytes) => c.set("bytesIn", c.var.bytesIn + bytes),
      },
      route,
      door,
    )
    if (reply.kind === "problem") return sendProblem(c, reply)
    for (const [name, value] of Object.entries(reply.headers ?? {})) {
      assert(route.answerHeaders?.[name] !== undefined, "a route declares the headers of its answers")
      c.header(name, value)
    }
    return send(c, reply, route.answers[reply.status], {
      heartbeatMs: http.heartbeatMs,
      left: leave,
      failed: (error) =>
        log.error({ requestId: c.var.requestId, route: route.path, err: error }, "a bug: a stream of events ended"),
    })
  })
}

/** Before any route: while the box has no owner, its network hears of nothing but how to become it. */
function untilClaimed(needs: HttpNeeds) {
  return async (c: Context<Env>, next: () => Promise<void>) => {
    const refused = refuseUnclaimed(c.req, { headers: c.req.raw.headers, connection: c.env ?? {} }, needs)
    return refused === undefined ? next() : sendProblem(c, refused)
  }
}

/** Request id, trace, the one log line and the figures of every request, whatever became of it. */
function observe({ log, metrics, tracer }: HttpNeeds) {
  return async (c: Context<Env>, next: () => Promise<void>) => {
    const trace = tracer.arrive(c.req.header("traceparent"))
    const arrivedTickMs = nowTickMs()
    const requestId = crypto.randomUUID()
    c.set("requestId", requestId)
    c.set("trace", trace)
    c.set("arrivedTickMs", arrivedTickMs)
    c.set("route", "none")
    c.set("bytesIn", 0)
    c.set("bytesOut", 0)
    // Before there is an answer: each header that is set later makes the answer anew, and a stream of its text.
    c.header("x-request-id", requestId)
    c.header("traceparent", toTraceparent(trace))
    // Answers hold people: no cache on the way may keep one.
    c.header("cache-control", "no-store")
    c.header("x-content-type-options", "nosniff")
    metrics.requestsInFlight.inc()
    try {
      await next()
    } finally {
      metrics.requestsInFlight.dec()
    }

    const { route, bytesIn, bytesOut } = c.var
    const { status } = c.res
    const method = knownMethods.has(c.req.method) ? c.req.method : "other"
    const ms = elapsedMs(arrivedTickMs)
    metrics.requestSeconds.observe({ method, route, status }, ms / 1000)
    metrics.receivedBytes.inc(bytesIn)
    metrics.sentBytes.inc(bytesOut)
    const figures = { "http.request.body.size": bytesIn, "http.response.body.size": bytesOut }
    if (!probes.has(route)) trace.end({ method, route, status, figures: { ...figures, "gatehouse.request_id": requestId } })
    log.info(
      { requestId, traceId: trace.traceId, spanId: trace.spanId, method, route, status, ms, bytesIn, bytesOut },
      "request",
    )
  }
}

/** Asked every few seconds for ever: their spans would bury all others. */
const probes: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"])

/** Bun knows some thirty methods, most of them no use here: the figures must not grow a row for each. */
const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1")
}

function send(c: Context<Env>, reply: AnyReply, content: Content | undefined, listener: Listener): Response {
  const status = reply.status as ContentfulStatusCode
  if (content === undefined || content === "nothing") return c.body(null, reply.status as 204)
  if ("events" in content) {
    // Nobody listens to the answer of a HEAD, so nothing may begin.
    if (c.req.raw.method === "HEAD") listener.left()
    const events = eventStream(reply.body as AsyncIterable<AnyEvent>, listener)
    return c.body(events, status, { "content-type": "text/event-stream" })
  }
  if (!("mediaType" in content)) return sendText(c, JSON.stringify(reply.body), "application/json", status)
  if (content.binary !== true) return sendText(c, String(reply.body), content.mediaType, status)
  if (content.streamed === true) {
    // Nobody reads the answer of a HEAD, so none of it is made.
    const headers = { "content-type": content.mediaType }
    if (c.req.raw.method === "HEAD") return c.body(null, status as 204, headers)
    return c.body(reply.body as ReadableStream<Uint8Array>, status, headers)
  }
  const bytes = reply.body as Uint8Array<ArrayBuffer>
  c.set("bytesOut", bytes.length)
  return c.body(bytes, status, { "content-type": content.mediaType })
}

function sendProblem(c: Context<Env>, { code, message, details, retryAfterS, headers }: Problem): Response {
  const error = { code, message, requestId: c.var.requestId, ...(details === undefined ? {} : { details }) }
  for (const [name, value] of Object.entries(headers ?? {})) c.header(name, value)
  if (retryAfterS !== undefined) c.header("retry-after", String(Math.max(1, Math.ceil(retryAfterS))))
  return sendText(c, JSON.stringify({ error }), "application/json", statusOf[code])
}

function sendText(c: Context<Env>, text: string, mediaType: string, status: ContentfulStatusCode): Response {
  c.set("bytesOut", Buffer.byteLength(text))
  return c.body(text, status, { "content-type": mediaType })
}
