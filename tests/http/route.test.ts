import { expect, onTestFinished, test } from "bun:test"
import { connect } from "node:net"
import { z } from "zod"
import { answerSchemas } from "../../app/http/answers.ts"
import { createHttpApp } from "../../app/http/app.ts"
import { eventStream } from "../../app/http/event-stream.ts"
import { openApi } from "../../app/http/openapi.ts"
import { problem } from "../../app/http/problem.ts"
import { type Call, type Route, reply, route } from "../../app/http/route.ts"
import { serveHttp } from "../../app/http/serve.ts"
import { openTestBox, testKey } from "./box.ts"

/** What a route may be, shown by routes made for it. */
async function withRoutes(...routes: Route[]) {
  const box = await openTestBox()
  const app = createHttpApp(box.needs, routes)
  return {
    app,
    ask: async (method: string, path: string, headers: Record<string, string> = {}) =>
      app.request(path, { method, headers: { ...headers, "x-api-key": testKey } }, {}),
    [Symbol.asyncDispose]: () => box[Symbol.asyncDispose](),
  }
}

const told = z.strictObject({ told: z.unknown() })
const camera = z.strictObject({ camera: z.string().regex(/^[a-z-]{1,20}$/, "letters and dashes") })

const echo = (path: string, more: Partial<Route> = {}): Route =>
  route({
    method: "get",
    path,
    access: "key",
    summary: "Says what it was told",
    answers: { 200: told },
    handle: (call) => {
      const { path, headers } = call as Call<string, unknown, unknown>
      return reply(200, { told: { path, headers } })
    },
    ...more,
  } as Parameters<typeof route>[0])

test("a path has parameters beside its id, each parsed", async () => {
  await using box = await withRoutes(echo("/cameras/{camera}/frames/{id}/snapshot.jpg", { parameters: camera }))
  const id = crypto.randomUUID()
  const answer = await box.ask("GET", `/cameras/front-door/frames/${id.toUpperCase()}/snapshot.jpg`)
  expect(await answer.json()).toEqual({ told: { path: { camera: "front-door", id }, headers: {} } })
  const refused = await box.ask("GET", `/cameras/Front%20Door/frames/${id}/snapshot.jpg`)
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain("camera: letters and dashes")
  expect((await box.ask("GET", "/cameras/front-door/frames/7/snapshot.jpg")).status).toBe(404)
})

test("a path that is spelt out comes before one with braces, whatever the order they were told in", async () => {
  await using box = await withRoutes(
    echo("/things/{id}", { handle: () => reply(200, { told: "one" }) }),
    echo("/things/stream", { handle: () => reply(200, { told: "all" }) }),
  )
  expect(await (await box.ask("GET", "/things/stream")).json()).toEqual({ told: "all" })
  expect(await (await box.ask("GET", `/things/${crypto.randomUUID()}`)).json()).toEqual({ told: "one" })
})

test("request headers are parsed by the route's schema, and those it does not name are let be", async () => {
  const headers = z.strictObject({
    "if-match": z
      .string()
      .regex(/^"\d+"$/, "an ETag of ours")
      .optional(),
  })
  await using box = await withRoutes(echo("/thing", { headers }))
  const answer = await box.ask("GET", "/thing", { "If-Match": `"7"`, "x-other": "1" })
  expect(await answer.json()).toEqual({ told: { path: {}, headers: { "if-match": `"7"` } } })
  expect(await (await box.ask("GET", "/thing")).json()).toMatchObject({ told: { headers: {} } })
  const refused = await box.ask("GET", "/thing", { "if-match": "7" })
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain("if-match: an ETag of ours")
})

test("answers carry declared headers; one that nobody declared is a bug", async () => {
  const etag = (more: Partial<Route>) => echo("/thing", { handle: () => reply(200, { told: 1 }, { etag: `"7"` }), ...more })
  await using box = await withRoutes(etag({ answerHeaders: { etag: "the version" } }))
  expect((await box.ask("GET", "/thing")).headers.get("etag")).toBe(`"7"`)
  await using forgetful = await withRoutes(etag({}))
  expect((await forgetful.ask("GET", "/thing")).status).toBe(500)
})

test("answers of bytes arrive as they are", async () => {
  const bytes = new Uint8Array([0xff, 0xd8, 0, 0xff])
  await using box = await withRoutes(
    echo("/thing.jpg", { answers: { 200: { mediaType: "image/jpeg", binary: true } }, handle: () => reply(200, bytes) }),
  )
  const answer = await box.ask("GET", "/thing.jpg")
  expect(answer.headers.get("content-type")).toBe("image/jpeg")
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
})

const tick = z.strictObject({ count: z.int() })

const ticks = (source: (signal: AbortSignal) => AsyncIterable<unknown>): Route =>
  echo("/ticks", {
    answers: { 200: { events: { tick } } },
    handle: ({ signal }) => reply(200, source(signal)),
  })

test("a stream of events comes as server-sent events, one by one", async () => {
  await using box = await withRoutes(
    ticks(async function* () {
      yield { event: "tick", data: { count: 1 }, id: "41" }
      yield { event: "tick", data: { count: 2 } }
    }),
  )
  const answer = await box.ask("GET", "/ticks")
  expect(answer.headers.get("content-type")).toBe("text/event-stream")
  const text = await answer.text()
  expect(text).toBe(`: hello\n\nid: 41\nevent: tick\ndata: {"count":1}\n\nevent: tick\ndata: {"count":2}\n\n`)
})

test("a quiet stream says now and then that it is there", async () => {
  const quiet = (async function* () {
    await Bun.sleep(200)
    yield { event: "tick", data: {} }
  })()
  const text = await new Response(eventStream(quiet, { heartbeatMs: 20, left: () => {}, failed: () => {} })).text()
  expect(text.split(": still here").length).toBeGreaterThan(3)
  expect(text).toEndWith(`event: tick\ndata: {}\n\n`)
})

test("a source that throws ends its stream, and the log knows", async () => {
  const failures: unknown[] = []
  // biome-ignore lint/correctness/useYield: it fails before the first event
  const broken = (async function* (): AsyncGenerator<never> {
    throw new Error("broken on purpose")
  })()
  const stream = eventStream(broken, { heartbeatMs: 15_000, left: () => {}, failed: (error) => failures.push(error) })
  await expect(new Response(stream).text()).rejects.toThrow("broken on purpose")
  expect(failures).toHaveLength(1)
})

test("a listener that leaves ends its source, and one that does not read is not read for", async () => {
  const ended = Promise.withResolvers<void>()
  let given = 0
  const data = { count: 1, filling: "x".repeat(10_000) }
  await using box = await withRoutes(
    ticks(async function* (signal) {
      signal.addEventListener("abort", () => ended.resolve())
      while (!signal.aborted) {
        await Bun.sleep(0)
        given += 1
        yield { event: "tick", data }
      }
    }),
  )
  const server = serveHttp(box.app, { host: "127.0.0.1", port: 0, drainMs: 100 })
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
    socket.write(`GET /ticks HTTP/1.1\r\nhost: x\r\nx-api-key: ${testKey}\r\n\r\n`),
  )
  socket.pause()
  // What the two sockets hold fills up; from then on nothing more is asked for.
  let before = -1
  while (given === 0 || given !== before) {
    before = given
    await Bun.sleep(200)
  }
  expect(given).toBeLessThan(10_000)
  socket.destroy()
  await ended.promise
  await server.stop()
})

test("nobody listens to the answer of a HEAD", async () => {
  let signal: AbortSignal | undefined
  await using box = await withRoutes(
    ticks((given) => {
      signal = given
      return (async function* () {})()
    }),
  )
  expect((await box.ask("HEAD", "/ticks")).status).toBe(200)
  expect(signal?.aborted).toBe(true)
})

test("the document tells all of it", () => {
  answerSchemas.add(told, { id: "TestTold" }).add(tick, { id: "TestTick" })
  onTestFinished(() => void answerSchemas.remove(told).remove(tick))
  const headers = z.object({ "if-match": z.string().optional().describe("the version") })
  const { paths } = openApi([
    echo("/cameras/{camera}/{id}", {
      parameters: camera,
      headers,
      answerHeaders: { etag: "the version" },
      answers: { 204: "nothing" },
    }),
    echo("/thing.jpg", { answers: { 200: { mediaType: "image/jpeg", binary: true } } }),
    ticks(async function* () {}),
  ]) as { paths: Record<string, { get: { parameters: object[]; responses: Record<string, object> } }> }
  const { parameters, responses } = paths["/cameras/{camera}/{id}"]!.get
  expect(parameters).toMatchObject([
    { name: "id", in: "path", required: true },
    { name: "camera", in: "path", required: true, schema: { pattern: "^[a-z-]{1,20}$" } },
    { name: "if-match", in: "header", schema: { type: "string" } },
  ])
  expect(responses["204"]).toMatchObject({ headers: { etag: { description: "the version" } } })
  expect(paths["/thing.jpg"]!.get.responses["200"]).toMatchObject({ content: { "image/jpeg": {} } })
  expect(paths["/ticks"]!.get.responses["200"]).toMatchObject({
    content: { "text/event-stream": { schema: { oneOf: [{ properties: { event: { const: "tick" } } }] } } },
  })
})

test("an answer of problems keeps its own headers", async () => {
  await using box = await withRoutes(
    echo("/thing", { errors: ["not_found"], handle: () => problem("not_found", "gone", { headers: { etag: `"7"` } }) }),
  )
  expect((await box.ask("GET", "/thing")).headers.get("etag")).toBe(`"7"`)
})
