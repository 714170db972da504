import { expect, test } from "bun:test"
import { createTracer, type EndedSpan, toTraceparent, untraced } from "../../app/base/trace.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const sampled = `00-${traceId}-b7ad6b7169203331-01`
const answered = { method: "GET", route: "/healthz", status: 200 }

function collecting(sampleShare?: number) {
  const spans: EndedSpan[] = []
  return { spans, tracer: createTracer((span) => void spans.push(span), sampleShare) }
}

test("without a collector nothing is recorded, and trace ids go on all the same", () => {
  const tracer = createTracer()
  expect(tracer.recording).toBe(false)
  const span = tracer.arrive(sampled)
  const child = span.begin("run")
  expect([span.traceId, child.traceId, child.sampled]).toEqual([traceId, traceId, true])
  child.add({ name: "decode", startTickMs: 0, durationMs: 1 })
  child.end()
  span.end(answered)
  expect(tracer.arrive(undefined).sampled).toBe(false)
  untraced.begin("search").end()
})

test("a caller's word on sampling counts; a trace that begins here is sampled by its share", () => {
  const all = collecting(1)
  all.tracer.arrive(undefined).end(answered)
  all.tracer.arrive(sampled.replace(/01$/, "00")).end(answered)
  expect(all.spans).toHaveLength(1)
  expect(all.spans[0]?.parentSpanId).toBeUndefined()

  const none = collecting(0)
  for (let count = 0; count < 50; count++) none.tracer.arrive(undefined).end(answered)
  expect(none.spans).toHaveLength(0)
  none.tracer.arrive(sampled).end(answered)
  expect(none.spans).toMatchObject([{ traceId, parentSpanId: "b7ad6b7169203331", name: "GET /healthz", isRequest: true }])

  const some = collecting(0.5)
  for (let count = 0; count < 400; count++) some.tracer.arrive(undefined).end(answered)
  expect(some.spans.length).toBeGreaterThan(100)
  expect(some.spans.length).toBeLessThan(300)
})

test("parts hang below what they are part of, and a span ends once", () => {
  const { spans, tracer } = collecting()
  const request = tracer.arrive(undefined)
  const run = request.begin("run")
  run.add({ name: "detect", startedAtMs: Date.now() + 5, durationMs: 3, enginePid: 7 })
  run.end({ failed: true })
  run.end()
  request.end({ ...answered, status: 500 })
  expect(spans.map(({ name, parentSpanId, enginePid, failed }) => [name, parentSpanId, enginePid, failed])).toEqual([
    ["detect", run.spanId, 7, false],
    ["run", request.spanId, undefined, true],
    ["GET /healthz", undefined, undefined, true],
  ])
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3)
  expect(toTraceparent(run)).toBe(`00-${request.traceId}-${run.spanId}-01`)
})
