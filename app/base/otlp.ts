import { hostname } from "node:os"
import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources"
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace"
import type { Log } from "./log.ts"
import type { Metrics } from "./metrics.ts"
import { nowTickMs } from "./ticks.ts"
import type { EndedSpan, SpanSink, TraceContext } from "./trace.ts"
import { version } from "./version.ts"

/** Sends ended spans to a collector. */
export interface SpanExport {
  readonly take: SpanSink
  /** Sends what is left, as far as the collector takes it at once. */
  close(): Promise<void>
}

/** Spans that wait; one picture makes about ten. More are dropped and counted: no request waits for a collector. */
const waitingMax = 4096
const batchMax = 512
const sendEveryMs = 1000
/** One batch, its repetitions included. */
const sendMs = 3000
const closeMs = 1000
const complainEveryMs = 60_000

/**
 * The spans of box and engines as OTLP over HTTP (JSON). Engines open no connection of their own: their spans come through here,
 * under a service name of their own. This file is loaded only when a collector is named.
 * @param endpoint base address; `/v1/traces` is added, as the standard says
 */
export function openSpanExport(endpoint: string, log: Log, metrics: Pick<Metrics, "spansTotal">): SpanExport {
  const resources = createResources()
  const exporter = createExporter(endpoint, log, metrics)
  let waiting = 0
  const processor = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        waiting -= spans.length
        exporter.export(spans, done)
      },
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: waitingMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: sendEveryMs,
    exportTimeoutMillis: 2 * sendMs,
  })
  return {
    take(span) {
      if (waiting >= waitingMax) {
        metrics.spansTotal.inc({ result: "dropped" })
        return
      }
      waiting += 1
      processor.onEnd(toReadable(span, resources(span.enginePid)))
    },
    // A collector that does not answer must not hold up the end of the box.
    close: () => Promise.race([processor.shutdown(), Bun.sleep(closeMs)]),
  }
}

/** Counts what became of each batch, and says so at most once a minute. A batch that failed is gone: nothing piles up. */
function createExporter(endpoint: string, log: Log, metrics: Pick<Metrics, "spansTotal">): SpanExporter {
  const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: sendMs, concurrencyLimit: 2 })
  let quietUntilTickMs = 0
  return {
    export(spans, done) {
      exporter.export(spans, ({ error }) => {
        metrics.spansTotal.inc({ result: error === undefined ? "sent" : "failed" }, spans.length)
        if (error !== undefined && nowTickMs() >= quietUntilTickMs) {
          quietUntilTickMs = nowTickMs() + complainEveryMs
          log.warn({ why: error.message, spans: spans.length }, "the trace collector does not take spans; they are lost")
        }
        done({ code: exported })
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

/** `ExportResultCode.SUCCESS`: to the batches above every batch is done with, whatever became of it. */
const exported = 0

/** Resources of engines that may still have spans under way; pids of engines long gone are let go. */
const resourcesMax = 32

function createResources(): (enginePid: number | undefined) => Resource {
  const common = { "service.version": version, "host.name": hostname() }
  const box = resourceFromAttributes({ ...common, "service.name": "gatehouse", "process.pid": process.pid })
  const engines = new Map<number, Resource>()
  return (enginePid) => {
    if (enginePid === undefined) return box
    const known = engines.get(enginePid)
    if (known !== undefined) return known
    const engine = resourceFromAttributes({ ...common, "service.name": "gatehouse-engine", "process.pid": enginePid })
    const [oldest] = engines.keys()
    if (oldest !== undefined && engines.size >= resourcesMax) engines.delete(oldest)
    engines.set(enginePid, engine)
    return engine
  }
}

function toReadable(span: EndedSpan, resource: Resource): ReadableSpan {
  const { traceId, spanId, parentSpanId, startedAtMs, durationMs } = span
  const parent = parentSpanId === undefined ? {} : { parentSpanContext: toContext({ traceId, spanId: parentSpanId }) }
  return {
    name: span.name,
    kind: span.isRequest ? SpanKind.SERVER : SpanKind.INTERNAL,
    spanContext: () => toContext({ traceId, spanId }),
    ...parent,
    startTime: toHrTime(startedAtMs),
    endTime: toHrTime(startedAtMs + durationMs),
    duration: toHrTime(durationMs),
    ended: true,
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: { ...span.figures },
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: "gatehouse", version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

function toContext({ traceId, spanId }: Pick<TraceContext, "traceId" | "spanId">) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
}

/** Seconds and nanoseconds. */
function toHrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
