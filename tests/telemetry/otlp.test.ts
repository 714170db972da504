import { expect, test } from "bun:test"
import pino from "pino"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { openSpanExport } from "../../app/base/otlp.ts"
import { nowTickMs } from "../../app/base/ticks.ts"
import { createTracer, wallMs } from "../../app/base/trace.ts"
import { openCollector } from "../support/collector.ts"

const answered = { method: "GET", route: "/healthz", status: 200 }

function nanoOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}

test("spans arrive as OTLP over HTTP: one trace, box and engine as two services", async () => {
  await using collector = openCollector()
  const metrics = createMetrics()
  // Some write the address with a slash at its end.
  const spans = openSpanExport(`${collector.url}/`, silentLog, metrics)
  const startedAtMs = wallMs()
  const request = createTracer(spans.take).arrive("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
  const run = request.begin("run")
  request.add({ name: "queue", startTickMs: nowTickMs() - 5, durationMs: 5 })
  run.add({ name: "decode", startedAtMs: wallMs() - 1000, durationMs: 2, enginePid: 4242 })
  run.end({ figures: { "gatehouse.outcome": "analysis", "gatehouse.faces": 2 } })
  request.end({ method: "POST", route: "/v1/recognize", status: 503 })
  await spans.close()

  const [top, queue, ran, decode] = ["POST /v1/recognize", "queue", "run", "decode"].map((name) =>
    collector.spans.find((span) => span.name === name),
  )
  if (!top || !queue || !ran || !decode) throw new Error(`missing: ${collector.spans.map(({ name }) => name)}`)
  expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set(["0af7651916cd43dd8448eb211c80319c"]))
  expect([top.parentSpanId, queue.parentSpanId, ran.parentSpanId, decode.parentSpanId]).toEqual([
    "b7ad6b7169203331",
    top.spanId,
    top.spanId,
    ran.spanId,
  ])
  expect([top.service, top.pid, decode.service, decode.pid]).toEqual(["gatehouse", process.pid, "gatehouse-engine", 4242])
  expect(ran.figures).toEqual({ "gatehouse.outcome": "analysis", "gatehouse.faces": 2 })
  // 2 is an error, 2 is a server.
  expect([top.status.code, top.kind, ran.status.code, ran.kind]).toEqual([2, 2, 0, 1])
  // A clock of an engine that lies behind does not put its work before the request.
  expect(decode.startTimeUnixNano).toBe(ran.startTimeUnixNano)
  expect(decode.endTimeUnixNano - decode.startTimeUnixNano).toBe(2_000_000n)
  expect(queue.startTimeUnixNano).toBeLessThan(ran.startTimeUnixNano)
  expect(top.startTimeUnixNano).toBeGreaterThanOrEqual(nanoOf(startedAtMs - 2))
  expect(top.endTimeUnixNano).toBeLessThanOrEqual(nanoOf(wallMs() + 2))
  expect(await metrics.spansTotal.values()).toEqual({ sent: 4, failed: 0, dropped: 0 })
})

test.each([
  ["nobody listens", () => "http://127.0.0.1:9", 10],
  ["the collector refuses", (url: string) => url, 1200],
] as const)(
  "%s: spans are lost and counted, and the log says so once",
  async (what, urlOf, spanCount) => {
    await using collector = openCollector(() => new Response("no", { status: 400 }))
    const lines: string[] = []
    const metrics = createMetrics()
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) })
    const spans = openSpanExport(urlOf(collector.url), log, metrics)
    const tracer = createTracer(spans.take)
    // Three batches.
    for (let count = 0; count < spanCount; count++) tracer.arrive(undefined).end(answered)
    while (((await metrics.spansTotal.values()).failed ?? 0) < spanCount) await Bun.sleep(50)
    await spans.close()
    expect(
      lines.map((line) => JSON.parse(line).msg),
      what,
    ).toEqual([expect.stringContaining("the trace collector")])
  },
  60_000,
)

test("a collector that hangs holds nobody up: what is too much is dropped, and closing does not wait for it", async () => {
  await using collector = openCollector(() => new Promise<Response>(() => undefined))
  const metrics = createMetrics()
  const spans = openSpanExport(collector.url, silentLog, metrics)
  const tracer = createTracer(spans.take)
  for (let count = 0; count < 20_000; count++) {
    tracer.arrive(undefined).end(answered)
    if (count % 100 === 0) await Bun.sleep(0)
  }
  const { dropped = 0 } = await metrics.spansTotal.values()
  // One batch is under way and 4096 wait.
  expect(dropped).toBeGreaterThan(20_000 - 4096 - 2 * 512)
  const closingTickMs = nowTickMs()
  await spans.close()
  expect(nowTickMs() - closingTickMs).toBeLessThan(4000)
}, 30_000)
