import { dirname } from "node:path"
import { EventSourceParserStream } from "eventsource-parser/stream"
import { openCreates } from "../../app/access/creates.ts"
import { openKeys } from "../../app/access/keys.ts"
import { silentLog } from "../../app/base/log.ts"
import { readMachine } from "../../app/base/machine/machine.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { createTracer } from "../../app/base/trace.ts"
import { holdingsOf } from "../../app/box/holdings.ts"
import { openEnrolments } from "../../app/enrolment/enrolments.ts"
import { enrolmentsOptions } from "../../app/enrolment/options.ts"
import { createLive } from "../../app/events/live.ts"
import { sightingsOptions } from "../../app/events/options.ts"
import { createWorkshop } from "../../app/events/pictures/workshop.ts"
import { openSightings } from "../../app/events/sightings.ts"
import { spaceDimension } from "../../app/face/embedding.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { errorAnswer } from "../../app/http/answers.ts"
import { type Connection, createHttpApp } from "../../app/http/app.ts"
import type { HttpNeeds } from "../../app/http/needs.ts"
import { httpOptions } from "../../app/http/options.ts"
import { type ErrorCode, statusOf } from "../../app/http/problem.ts"
import { type Content, doorCodes, literalFirst, type Route } from "../../app/http/route.ts"
import { allRoutes } from "../../app/http/routes/all.ts"
import type { RefinedAnswer } from "../../app/http/sighting-answers.ts"
import type { PoolStatus } from "../../app/inference/pool.ts"
import { openPeople } from "../../app/people/people.ts"
import { recognitionOptions } from "../../app/pipeline/options.ts"
import { createRefinements } from "../../app/pipeline/refine.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import type { Vault } from "../../app/vault/vault.ts"
import { paintedJudge } from "../support/judge.ts"
import { paintedSpace, readPainted } from "../support/painted.ts"
import { onProcessor, placedAnywhere } from "../support/placement.ts"
import { tempFolder } from "../support/shared.ts"
import { testVaultOf } from "../support/vault.ts"

export const testKey = "gh_test_only_0123456789abcdefghijklmn"

export const readyStatus: PoolStatus = {
  state: "ready",
  reasons: [],
  engines: [{ pid: 4242, provider: "cpu", state: "idle", busyForMs: 0, residentBytes: 1000, runs: 3 }],
  restarts: 0,
  waiting: 0,
  waitingMax: 64,
  set: "painted",
  placement: placedAnywhere,
  runtime: { name: "painted", version: "1", provider: "cpu", threads: 1 },
  models: [{ role: "detector", name: "painted", version: "1", loadMs: 1, warmMs: 1, goldenError: 0, placement: onProcessor }],
}

export interface Asked {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The answer as it came, for those that are no text. */
  readonly bytes: Uint8Array<ArrayBuffer>
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers whose shape has just been checked against its schema
  readonly json: any
}

export interface Heard {
  readonly event: string
  readonly id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: as with `json` above
  readonly data: any
}

export interface TestBox extends AsyncDisposable {
  readonly needs: HttpNeeds
  readonly routes: readonly Route[]
  /** With the key, unless told otherwise. Every answer is held to what its route says it may answer. */
  ask(method: string, path: string, init?: RequestInit, connection?: Connection): Promise<Asked>
  askWithoutKey(method: string, path: string, init?: RequestInit, connection?: Connection): Promise<Asked>
  json(method: string, path: string, body: unknown): Promise<Asked>
  /** With the key: the events of a stream as they come, each held to what its route says. Ends with the iteration. */
  listen(path: string, init?: RequestInit): AsyncGenerator<Heard>
  /** With the key, and nothing checked. */
  askRaw(method: string, path: string, init?: RequestInit): Promise<Response>
}

/**
 * The whole HTTP side of a box over a real gallery and real keys; only the engines are played, by painted pictures. The database
 * goes with the box, unless it is named: then it stays.
 */
export async function openTestBox(
  overrides: Partial<HttpNeeds> = {},
  databasePath?: string,
  vaultOf: (store: Store) => Vault = testVaultOf,
): Promise<TestBox> {
  const folder = databasePath === undefined ? tempFolder() : undefined
  const opened = openStore(databasePath ?? folder?.file("box.db") ?? "")
  if (opened.kind === "failed") throw new Error(opened.why)
  const keys = openKeys(opened.store)
  keys.ensureAdminKey(testKey)
  const vault = vaultOf(opened.store)
  const gallery = await openGallery(opened.store, vault)
  const sightings = openSightings(opened.store, vault, gallery.nameOf)
  const sightingOptions = overrides.sightingOptions ?? sightingsOptions.parse({})
  const metrics = overrides.metrics ?? createMetrics()
  const live = createLive<RefinedAnswer>({ sightings, metrics }, sightingOptions)
  const recognition = overrides.recognition ?? recognitionOptions.parse({})
  const refinements = createRefinements(recognition.refine, silentLog)
  const pool = overrides.pool ?? { analyze: readPainted, status: () => readyStatus }
  const thresholds = { match: 0.6, uncertain: 0.3 }
  const enrolmentNeeds = { store: opened.store, vault, gallery, pool, space: paintedSpace, thresholds, recognition, metrics }
  const enrolments = await openEnrolments(
    { ...enrolmentNeeds, imageBytesMax: 100_000, dataFolder: folder?.path ?? dirname(databasePath ?? ""), log: silentLog },
    enrolmentsOptions.parse({ diskFreeBytesMin: 0 }),
  )
  const holdings = holdingsOf({ store: opened.store, vault, gallery, sightings })
  const eraseFromBackups = async () => ({ keysTaken: 0, rewritten: 0, left: [] })
  const people = await openPeople(
    { store: opened.store, vault, gallery, holdings, eraseFromBackups, copiesLeft: () => [], log: silentLog },
    folder?.file(dataFolderFiles.erased),
  )
  const needs: HttpNeeds = {
    pool,
    gallery,
    sightings,
    live,
    workshop: createWorkshop(),
    sightingOptions,
    refinements,
    backups: { list: async () => [], status: () => ({ state: "idle" }), begin: () => "begun" },
    keys,
    claim: { isAwaited: () => false, claim: () => ({ kind: "already_claimed" }) },
    securePort: () => undefined,
    creates: openCreates(opened.store, vault),
    vault,
    enrolments,
    people,
    reembedding: {
      status: () => ({ active: { set: "painted", space: paintedSpace } }),
      begin: async () => ({ kind: "failed", why: "there is no such set" }),
      flip: async () => ({ kind: "no_shadow" }),
      end: async () => undefined,
    },
    models: { detector: "painted/1", embedder: "painted/1", space: paintedSpace },
    thresholds,
    judge: paintedJudge,
    recognition,
    http: { ...httpOptions.parse({}), imageBytesMax: 100_000 },
    sync: () => undefined,
    bundles: async () => undefined,
    metrics,
    tracer: createTracer(),
    machine: readMachine,
    profile: { name: "default", chosenBy: "option", reason: "a test" },
    log: silentLog,
    ...overrides,
  }
  const app = createHttpApp(needs)
  const routes = literalFirst(allRoutes(needs))

  async function askWithoutKey(method: string, path: string, init: RequestInit = {}, connection: Connection = {}) {
    const response = await app.request(path, { ...init, method }, connection)
    const bytes = new Uint8Array(await response.arrayBuffer())
    const text = new TextDecoder().decode(bytes)
    const asked: Asked = {
      status: response.status,
      headers: response.headers,
      text,
      bytes,
      json: text !== "" && response.headers.get("content-type") === "application/json" ? JSON.parse(text) : undefined,
    }
    if (method !== "HEAD") checkAnswer(routes, method, path, asked)
    return asked
  }
  const ask: TestBox["ask"] = (method, path, init = {}, connection = {}) =>
    askWithoutKey(method, path, { ...init, headers: withKey(init.headers) }, connection)
  return {
    needs,
    routes,
    ask,
    askWithoutKey,
    json: (method, path, body) =>
      ask(method, path, { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    listen: async function* (path, init = {}) {
      const leaving = new AbortController()
      const request = { ...init, headers: withKey(init.headers), signal: leaving.signal }
      const response = await app.request(path, request)
      const { status, headers, body } = response
      const content = routeOf(routes, "GET", path)?.answers[status]
      if (typeof content !== "object" || !("events" in content) || body === null)
        throw new Error(`GET ${path} → ${status} is no stream: ${await response.text()}`)
      checkHeaders(routes, "GET", path, { status, headers })
      if (headers.get("content-type") !== "text/event-stream") throw new Error(`GET ${path} has another content-type`)
      try {
        for await (const { event = "", id, data } of body
          .pipeThrough(new TextDecoderStream())
          .pipeThrough(new EventSourceParserStream())) {
          const schema = content.events[event]
          if (schema === undefined) throw new Error(`GET ${path} sends the event ${event}, which it does not declare`)
          yield { event, id, data: schema.parse(JSON.parse(data)) }
        }
      } finally {
        leaving.abort()
      }
    },
    askRaw: async (method, path, init = {}) => app.request(path, { ...init, method, headers: withKey(init.headers) }),
    [Symbol.asyncDispose]: async () => {
      await enrolments.close()
      await people.close()
      await refinements.close()
      await gallery.close()
      opened.store.close()
      folder?.[Symbol.dispose]()
    },
  }
}

function withKey(given: RequestInit["headers"]): Headers {
  const headers = new Headers(given)
  headers.set("x-api-key", testKey)
  return headers
}

/** The index of a space opens with the first search and fills in its own thread. */
export async function untilIndexed(box: TestBox, faces: number): Promise<void> {
  const { gallery, models } = box.needs
  await gallery.search(models.space, new Float32Array(spaceDimension(models.space)).fill(1), 1)
  while (gallery.indexStatus()[0]?.faces !== faces) await Bun.sleep(5)
}

/** Throws when an answer is not one that its route declares, so that code and OpenAPI document cannot part. */
function checkAnswer(routes: readonly Route[], method: string, path: string, asked: Asked): void {
  const where = `${method} ${path} → ${asked.status}`
  const route = routeOf(routes, method, path)
  checkHeaders(routes, method, path, asked)
  const refusal = route?.answers[asked.status]
  const isPage = asked.headers.get("content-type")?.startsWith("text/html") === true && refusal !== undefined
  if (asked.status >= 400 && !isPage) {
    const { error } = errorAnswer.parse(asked.json)
    const code = error.code as ErrorCode
    if (statusOf[code] !== asked.status) throw new Error(`${where} says ${code}`)
    if (error.requestId !== asked.headers.get("x-request-id"))
      throw new Error(`${where} says another requestId than its header`)
    if ((asked.status === 503 || asked.status === 429) && !(Number(asked.headers.get("retry-after")) >= 1))
      throw new Error(`${where} has no Retry-After`)
    const declared: readonly ErrorCode[] =
      route === undefined ? ["not_found", "method_not_allowed"] : [...doorCodes(route), ...(route.errors ?? [])]
    if (!declared.includes(code)) throw new Error(`${where} says ${code}, which the route does not declare`)
    return
  }
  const content: Content | undefined = route?.answers[asked.status]
  if (content === undefined) throw new Error(`${where} is not declared`)
  if (content === "nothing") {
    if (asked.text !== "") throw new Error(`${where} says something`)
  } else if ("mediaType" in content) {
    if (asked.headers.get("content-type") !== content.mediaType) throw new Error(`${where} has another content-type`)
  } else if ("events" in content) throw new Error(`${where} is a stream: use listen`)
  else content.parse(asked.json)
}

/** What any answer may carry; all others are declared by their route. */
const headersOfAll = new Set(
  ["content-type", "cache-control", "x-content-type-options", "x-request-id", "traceparent"].concat(
    ["retry-after", "www-authenticate", "allow"], // of problems
  ),
)

function checkHeaders(
  routes: readonly Route[],
  method: string,
  path: string,
  { status, headers }: Pick<Asked, "status" | "headers">,
) {
  const where = `${method} ${path} → ${status}`
  if (headers.get("x-request-id") === null) throw new Error(`${where} has no x-request-id`)
  const declared = routeOf(routes, method, path)?.answerHeaders ?? {}
  for (const name of headers.keys())
    if (!headersOfAll.has(name) && !(name in declared))
      throw new Error(`${where} has the header ${name}, which the route does not declare`)
}

function routeOf(routes: readonly Route[], method: string, path: string): Route | undefined {
  const pathname = path.split("?", 1)[0] ?? ""
  return routes.find((one) => one.method === method.toLowerCase() && patternOf(one.path).test(pathname))
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`)
}
