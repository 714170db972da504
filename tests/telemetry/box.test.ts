import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { systemAnswer } from "../../app/http/system-answers.ts"
import { type RunningBox, startBox } from "../support/box.ts"
import { type CollectedSpan, openCollector } from "../support/collector.ts"
import { tempFolder } from "../support/shared.ts"

const picture = readFileSync(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample1.jpg"))
const jpeg = { "content-type": "image/jpeg" }
const json = { "content-type": "application/json" }

/** Words that must come up nowhere but in answers. */
const planted = { name: "Zebulon Quarterstaff", camera: "back-door-of-the-vault", note: "owes-us-a-ladder" }

const folder = tempFolder()
const logFile = folder.file("box.log")
const collector = openCollector()
let box: RunningBox

beforeAll(async () => {
  const env = { GATEHOUSE_ENGINES: "1", GATEHOUSE_LOG: "debug", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  box = await startBox(folder.file("data"), env, logFile)
}, 60_000)

afterAll(async () => {
  await box[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Each time with a tail of its own, for the box remembers the answers to pictures it has seen. */
const recognize = (query = "", headers: Record<string, string> = {}) =>
  box.ask(`/v1/recognize${query}`, {
    method: "POST",
    body: Buffer.concat([picture, crypto.getRandomValues(new Uint8Array(16))]),
    headers: { ...jpeg, ...headers },
  })

/** The spans of one trace by name, once its first span is there: that one ends last. */
async function traceOf(traceId: string): Promise<Record<string, CollectedSpan>> {
  await collector.untilSpan((span) => span.traceId === traceId && span.name === "POST /v1/recognize")
  const spans = collector.spans.filter((span) => span.traceId === traceId)
  return Object.fromEntries(spans.map((span) => [span.name, span]))
}

test("one recognition is one trace through box and engine, and goes on with the caller's", async () => {
  const traceId = crypto.randomUUID().replaceAll("-", "")
  const parentId = "b7ad6b7169203331"
  const answer = await recognize("", { traceparent: `00-${traceId}-${parentId}-01`, "x-deadline-ms": "30000" })
  expect(answer.status).toBe(200)
  expect(answer.headers.get("traceparent")).toContain(traceId)
  const { faces, requestId } = (await answer.json()) as { faces: unknown[]; requestId: string }
  const [enginePid] = await box.enginePids()

  const spans = await traceOf(traceId)
  const top = spans["POST /v1/recognize"]
  const { body, queue, run, search, decode, detect, align, embed } = spans
  if (!top || !body || !queue || !run || !search || !decode || !detect || !align || !embed)
    throw new Error(`missing among ${Object.keys(spans)}`)
  expect([top.parentSpanId, top.service, top.pid]).toEqual([parentId, "gatehouse", box.process.pid])
  for (const part of [body, queue, run, search]) expect([part.parentSpanId, part.service]).toEqual([top.spanId, "gatehouse"])
  for (const part of [decode, detect, align, embed])
    expect([part.parentSpanId, part.service, part.pid]).toEqual([run.spanId, "gatehouse-engine", enginePid ?? 0])
  expect(top.figures).toMatchObject({ "gatehouse.request_id": requestId, "http.response.status_code": 200 })
  expect(run.figures).toMatchObject({ "gatehouse.outcome": "analysis", "gatehouse.faces": faces.length })

  // In the order in which they happened, one after the other; clocks of two processes agree to about a millisecond.
  const inOrder = [top, body, run, decode, detect, align, embed, search]
  const starts = inOrder.map(({ startTimeUnixNano }) => startTimeUnixNano)
  expect(starts).toEqual(starts.toSorted((a, b) => Number(a - b)))
  const slackNano = 3_000_000n
  for (const part of [decode, detect, align, embed]) expect(part.endTimeUnixNano).toBeLessThan(run.endTimeUnixNano + slackNano)
  expect(embed.endTimeUnixNano).toBeLessThan(top.endTimeUnixNano)
}, 60_000)

test("a trace that nobody sent begins here, and one that is not sampled leaves no spans", async () => {
  const begun = await recognize()
  const [, traceId = ""] = begun.headers.get("traceparent")?.split("-") ?? []
  const silentId = crypto.randomUUID().replaceAll("-", "")
  await recognize("", { traceparent: `00-${silentId}-b7ad6b7169203331-00` })
  expect((await traceOf(traceId))["POST /v1/recognize"]?.parentSpanId ?? "").toBe("")
  await recognize().then((last) => traceOf(last.headers.get("traceparent")?.split("-")[1] ?? ""))
  expect(collector.spans.filter((span) => span.traceId === silentId)).toEqual([])
  // The box was asked whether it is ready many times by then.
  expect(collector.spans.filter(({ name }) => name.endsWith("/readyz"))).toEqual([])
}, 60_000)

test("log, metrics and traces of a day with a person hold nothing of that person", async () => {
  const created = await box.ask("/v1/subjects", {
    method: "POST",
    body: JSON.stringify({ name: planted.name, metadata: { note: planted.note } }),
    headers: json,
  })
  expect(created.status).toBe(201)
  const { id } = (await created.json()) as { id: string }
  const enrolled = await box.ask(`/v1/subjects/${id}/faces`, { method: "POST", body: picture, headers: jpeg })
  const form = new FormData()
  form.append("file", new Blob([picture], { type: "image/jpeg" }), `${planted.name}.jpg`)
  await box.ask("/v1/recognize", { method: "POST", body: form })
  const seen = await recognize(`?camera=${planted.camera}`, { "x-deadline-ms": "30000" })
  expect(seen.status).toBe(200)
  const frame = await box.ask(`/ingest/${planted.camera}`, { method: "POST", body: picture, headers: jpeg })
  expect(frame.status).toBe(200)
  const recognized = await recognize("?include=embedding", { "x-deadline-ms": "30000" })
  expect(recognized.status).toBe(200)
  const { faces } = (await recognized.json()) as { faces: { embedding: number[]; match?: { name: string } }[] }
  const vector = faces[0]?.embedding ?? []
  expect(vector.length).toBeGreaterThan(100)
  await box.ask(`/v1/subjects?name=${encodeURIComponent(planted.name)}`)
  await box.ask(`/${encodeURIComponent(planted.name)}`)
  await box.ask("/v1/subjects", { method: "POST", body: JSON.stringify({ name: `${planted.name}\n` }), headers: json })
  await box.ask(`/v1/subjects/${id}`, { method: "DELETE" })
  const last = await recognize()
  await traceOf(last.headers.get("traceparent")?.split("-")[1] ?? "")

  const sighted = await traceOf(seen.headers.get("traceparent")?.split("-")[1] ?? "")
  expect(sighted.record?.parentSpanId).toBe(sighted["POST /v1/recognize"]?.spanId ?? "")
  expect(sighted.snapshot?.parentSpanId).toBe(sighted.run?.spanId ?? "")
  const counted = await figures()
  expect([counted("gatehouse_sightings_total"), counted("gatehouse_sightings")]).toEqual([2, 2])
  expect(counted("gatehouse_sighting_bytes")).toBeGreaterThan(1000)
  expect(counted('gatehouse_stage_seconds_count{stage="record"}')).toBe(2)

  const told = {
    log: readFileSync(logFile, "utf8"),
    metrics: await (await box.ask("/metrics")).text(),
    system: await (await box.ask("/v1/system")).text(),
    traces: collector.bodies.join("\n"),
  }
  // Whoever is not told anything finds nothing either.
  expect(told.log).toContain('"route":"/v1/subjects/{id}/faces"')
  expect(told.traces).toContain("/v1/subjects/{id}/faces")
  const secrets = [
    ...Object.values(planted),
    ...[encodeURIComponent(planted.name), "Zebulon", id],
    ...vector.slice(0, 8).flatMap((value) => [String(value), value.toFixed(6)]),
    Buffer.from(new Float32Array(vector).buffer).toString("base64").slice(0, 40),
    Buffer.from(picture).toString("base64").slice(0, 60),
    Buffer.from(picture).toString("base64").slice(2000, 2060),
    "gh_test_only",
  ]
  for (const [where, text] of Object.entries(told))
    for (const secret of secrets) if (text.includes(secret)) throw new Error(`${where} holds ${secret}`)
  expect(enrolled.status).toBeLessThan(500)
}, 60_000)

test("what happens shows in the figures: pictures, refusals, a lost engine", async () => {
  const before = await figures()
  const answers = await Promise.all(Array.from({ length: 100 }, () => recognize("", { "x-deadline-ms": "2000" })))
  const statuses = Map.groupBy(answers, ({ status }) => status)
  const after = await figures()
  const done = statuses.get(200)?.length ?? 0
  const refused = statuses.get(503)?.length ?? 0
  expect(done + refused).toBe(100)
  expect(refused).toBeGreaterThan(0)
  for (const stage of ["decode", "detect", "align", "embed"])
    expect(
      after(`gatehouse_stage_seconds_count{stage="${stage}"}`) - before(`gatehouse_stage_seconds_count{stage="${stage}"}`),
    ).toBe(done)
  expect(
    after('gatehouse_run_seconds_count{outcome="analysis"}') - before('gatehouse_run_seconds_count{outcome="analysis"}'),
  ).toBe(done)
  const queued = 'gatehouse_queue_seconds_count{priority="interactive"}'
  expect(after(queued) - before(queued)).toBe(done)
  const refusals = ["overloaded", "expired", "superseded"].map((reason) => `gatehouse_refused_total{reason="${reason}"}`)
  expect(refusals.reduce((sum, name) => sum + after(name) - before(name), 0)).toBe(refused)
  expect(after("gatehouse_http_requests_in_flight")).toBe(1) // The one that asks.

  const [pid = 0] = await box.enginePids()
  process.kill(pid, "SIGKILL")
  const killed = 'gatehouse_engine_restarts_total{reason="crashed"}'
  while ((await figures())(killed) !== 1 || (await box.enginePids()).length === 0) await Bun.sleep(50)
  const healed = await figures()
  expect([healed('gatehouse_engines{state="idle"}'), healed("gatehouse_engines_ready")]).toEqual([1, 1])
  expect(healed("gatehouse_engine_start_seconds_count")).toBe(2)
  expect(healed("gatehouse_model_load_seconds_sum{")).toBeGreaterThan(0)
  const system = systemAnswer.parse(await (await box.ask("/v1/system")).json())
  expect(system.counts.engineRestarts).toMatchObject({ crashed: 1, stuck: 0 })
  expect(system.durations.stages.embed?.count).toBe(after('gatehouse_stage_seconds_count{stage="embed"}'))
  expect(system.telemetry).toEqual({ exporting: true })
}, 60_000)

/** `name{labels}` → value, 0 where there is none; of several lines that begin so, the first. */
async function figures(): Promise<(name: string) => number> {
  const lines = (await (await box.ask("/metrics")).text()).split("\n")
  return (name) => {
    const line = lines.find((each) => each.startsWith(name) && !each.startsWith("#"))
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1))
  }
}
