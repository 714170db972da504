import { expect, test } from "bun:test"
import pino from "pino"
import { version } from "../../app/base/version.ts"
import type { IndexStatus } from "../../app/gallery/gallery.ts"
import type { HttpNeeds } from "../../app/http/needs.ts"
import type { PoolStatus } from "../../app/inference/pool.ts"
import { paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"
import { openTestBox, readyStatus, testKey, untilIndexed } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }

const poolIn = (status: Partial<PoolStatus>): HttpNeeds["pool"] => ({
  analyze: readPainted,
  status: () => ({ ...readyStatus, ...status }),
})

test("alive is alive, whatever the engines say", async () => {
  await using box = await openTestBox({ pool: poolIn({ state: "down", reasons: ["no engine"] }) })
  expect((await box.askWithoutKey("GET", "/healthz")).json).toEqual({ status: "alive" })
})

test.each([
  ["ready", [], 200],
  ["degraded", ["1 of 2 engines are down"], 200],
  ["starting", ["the engines are starting"], 503],
  ["down", ["no engine is up"], 503],
] as const)("engines %s", async (state, reasons, status) => {
  await using box = await openTestBox({ pool: poolIn({ state, reasons }) })
  const asked = await box.askWithoutKey("GET", "/readyz")
  expect(asked.status).toBe(status)
  if (status === 200) expect(asked.json).toEqual({ status: state, reasons })
  else expect(asked.json.error.details).toEqual({ status: state, reasons })
  expect((await box.ask("GET", "/v1/system")).json).toMatchObject({ state, reasons })
})

test("an accelerator is shown as it is, its process among the engines", async () => {
  const engine = { pid: 77, provider: "cuda", state: "idle", busyForMs: 0, residentBytes: 2000, runs: 1 } as const
  const shown = {
    state: "serving",
    active: "cuda",
    sinceMs: 1_700_000_000_000,
    recentErrors: 1,
    refusals: [{ provider: "tensorrt", why: "not built in", remedy: "install a build that has it" }],
  } as const
  const accelerator = { ...shown, refusals: [...shown.refusals], engine }
  await using box = await openTestBox({ pool: poolIn({ accelerator, engines: [engine, ...readyStatus.engines] }) })
  const { json } = await box.ask("GET", "/v1/system")
  expect(json.accelerator).toEqual(shown)
  expect(json.engines.map(({ provider }: typeof engine) => provider)).toEqual(["cuda", "cpu"])

  const preparation = { provider: "tensorrt", stage: "compile", model: "detector yunet 1", sinceMs: 1_700_000_000_001 } as const
  const preparing = { ...accelerator, state: "preparing", active: "cpu", preparation } as const
  await using slow = await openTestBox({ pool: poolIn({ accelerator: preparing }) })
  expect((await slow.ask("GET", "/v1/system")).json.accelerator).toMatchObject({
    state: "preparing",
    active: "cpu",
    preparation,
  })
})

test("a failed index of the active space degrades, another's does not", async () => {
  await using plain = await openTestBox()
  const failed = (space: string): readonly IndexStatus[] => [
    { space: space as IndexStatus["space"], faces: 0, state: "failed", progress: 0, variant: "x" },
  ]
  for (const [space, status] of [
    [paintedSpace, "degraded"],
    ["other@00000000/8", "ready"],
  ] as const) {
    await using box = await openTestBox({ gallery: { ...plain.needs.gallery, indexStatus: () => failed(space) } })
    expect((await box.askWithoutKey("GET", "/readyz")).json.status).toBe(status)
  }
})

test("system says what is in force", async () => {
  await using box = await openTestBox()
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  await box.json("POST", `/v1/subjects/${id}/faces`, { embedding: Array.from(personVector("Ada")), space: paintedSpace })
  await untilIndexed(box, 1)
  const { json } = await box.ask("GET", "/v1/system")
  expect(json).toMatchObject({
    version,
    models: box.needs.models,
    thresholds: { match: 0.6, uncertain: 0.3, falsePositiveRate: expect.closeTo(1e-4, 9), extrapolated: false, comparisons: 1 },
    pairThresholds: { match: 0.6, uncertain: 0.3 },
    queue: { waiting: 0, waitingMax: 64 },
    engines: [{ pid: 4242, state: "idle", runs: 3 }],
    gallery: { subjects: 1, faces: 1, spaces: [{ space: paintedSpace, faces: 1 }] },
    index: [{ space: paintedSpace, faces: 1 }],
    runtime: { provider: "cpu" },
  })
  expect(json.durations.requests["POST /v1/subjects 201"]).toMatchObject({ count: 1, p50Ms: expect.any(Number) })
  expect(json.counts.refused).toMatchObject({ overloaded: 0, rate_limited: 0 })
  expect(json.requestsInFlight).toBe(1)
  expect(json.telemetry).toEqual({ exporting: false })
  expect(json.memory.residentBytes).toBeGreaterThan(1e6)
  await using starting = await openTestBox({ pool: poolIn({ runtime: undefined, models: [] }) })
  expect((await starting.ask("GET", "/v1/system")).json).not.toHaveProperty("runtime")
})

test("metrics count requests by pattern, faces by decision, and the gallery", async () => {
  await using box = await openTestBox()
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: "Ada" }), headers: jpeg })
  await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }, { person: "B" }), headers: jpeg })
  await box.askRaw("PROPFIND", "/v1/coffee")
  await untilIndexed(box, 1)
  const { text } = await box.askWithoutKey("GET", "/metrics", {}, { address: "127.0.0.1" })
  for (const line of [
    `gatehouse_http_request_seconds_count{method="POST",route="/v1/subjects/{id}/faces",status="201"} 1`,
    `gatehouse_http_request_seconds_count{method="other",route="none",status="404"} 1`,
    `gatehouse_faces_total{decision="match"} 1`,
    `gatehouse_faces_total{decision="unknown"} 1`,
    `gatehouse_stage_seconds_count{stage="search"} 1`,
    "gatehouse_subjects 1",
    "gatehouse_indexed_faces 1",
  ])
    expect(text).toContain(line)
  expect(text).not.toContain(id)
})

test("one log line for each request, with ids and figures and nothing of what was sent", async () => {
  const lines: string[] = []
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) })
  const failing: HttpNeeds["pool"] = {
    analyze: (work) => {
      if (work.picture.length === 3) throw new Error("broken on purpose")
      return readPainted(work)
    },
    status: () => readyStatus,
  }
  await using box = await openTestBox({ log, pool: failing })
  const { json: subject } = await box.json("POST", "/v1/subjects", { name: "Ada Lovelace" })
  await box.ask("GET", "/v1/subjects?name=Ada%20Lovelace")
  await box.ask("POST", `/v1/subjects/${subject.id}/faces`, { body: paint({ person: "Ada" }), headers: jpeg })
  const vector = Array.from(personVector("Ada"))
  await box.json("POST", "/v1/search", { embedding: vector, space: paintedSpace })
  await box.ask("POST", "/v1/recognize?include=embedding", { body: paint({ person: "Ada" }), headers: jpeg })
  await box.askWithoutKey("GET", "/v1/system", { headers: { "x-api-key": "gh_guessed" } })
  await box.json("POST", "/v1/subjects", { name: "Ada\nLovelace" })
  const broken = await box.ask("POST", "/v1/recognize", { body: new Uint8Array(3), headers: jpeg })
  await box.ask("GET", "/Ada%20Lovelace")

  const requests = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "request")
  expect(requests).toHaveLength(9)
  expect(requests[2]).toMatchObject({
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    method: "POST",
    route: "/v1/subjects/{id}/faces",
    status: 201,
    bytesIn: paint({ person: "Ada" }).length,
  })
  expect(requests[2].bytesOut).toBeGreaterThan(100)
  expect(requests.map(({ status }) => status)).toEqual([201, 200, 201, 200, 200, 401, 400, 500, 404])
  const all = lines.join("")
  for (const secret of ["Lovelace", testKey, "gh_guessed", String(vector[0]), paint({ person: "Ada" }).toBase64(), subject.id])
    expect(all).not.toContain(secret)
  const bug = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
  expect(bug).toMatchObject([{ requestId: broken.json.error.requestId, err: { message: "broken on purpose" } }])
  expect(bug[0].err.stack).toContain("operations.test.ts")
})

test("a trace is continued, and begun when there is none", async () => {
  await using box = await openTestBox()
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  const continued = await box.ask("GET", "/v1/system", { headers: { traceparent } })
  expect(continued.headers.get("traceparent")).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
  expect(continued.headers.get("traceparent")).not.toContain("b7ad6b7169203331")
  const begun = await box.ask("GET", "/v1/system", { headers: { traceparent: "nonsense" } })
  expect(begun.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
})

test("no answer may be kept by a cache, and each has its own id", async () => {
  await using box = await openTestBox()
  const asked = [
    await box.ask("GET", "/v1/subjects"),
    await box.ask("GET", "/nowhere"),
    await box.askWithoutKey("GET", "/v1/system"),
  ]
  for (const { headers } of asked) expect(headers.get("cache-control")).toBe("no-store")
  expect(new Set(asked.map(({ headers }) => headers.get("x-request-id"))).size).toBe(3)
})

test("HEAD is GET without a body", async () => {
  await using box = await openTestBox()
  const asked = await box.ask("HEAD", "/readyz")
  expect([asked.status, asked.text]).toEqual([200, ""])
})
