import { nowTickMs } from "./ticks.ts"

/** W3C trace context: https://www.w3.org/TR/trace-context/#traceparent-header */
export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** Parts of a request. A closed list, so that no name, path or id can become one. */
export type SpanName = "body" | "queue" | "run" | "decode" | "detect" | "align" | "embed" | "snapshot" | "search" | "record"

/** All that a span may tell beside its time: figures and words of our own, never what was sent and never who was seen. */
export interface SpanFigures {
  readonly "gatehouse.outcome"?: string
  readonly "gatehouse.priority"?: string
  readonly "gatehouse.degraded"?: boolean
  readonly "gatehouse.faces"?: number
  readonly "gatehouse.request_id"?: string
  readonly "http.request.method"?: string
  readonly "http.route"?: string
  readonly "http.response.status_code"?: number
  readonly "http.request.body.size"?: number
  readonly "http.response.body.size"?: number
}

/** A span that is over, as it is handed to a collector. */
export interface EndedSpan extends TraceContext {
  readonly name: string
  /** Absent for the first span of a trace. */
  readonly parentSpanId: string | undefined
  /** Wall time with parts of a millisecond. */
  readonly startedAtMs: number
  readonly durationMs: number
  readonly isRequest: boolean
  readonly failed: boolean
  readonly figures: SpanFigures
  /** Process id of the engine that did it; absent for the box itself. */
  readonly enginePid: number | undefined
}

/** Where ended spans go. Must return at once and never throw. */
export type SpanSink = (span: EndedSpan) => void

/** A part of a request that still goes on. Nothing of it is kept unless its trace is sampled and a collector is named. */
export interface Span extends TraceContext {
  /** A part of this one that begins now. */
  begin(name: SpanName): Span
  /** A part of this one that is over. */
  add(part: SpanPart): void
  /** Told once; what comes after is not heard. */
  end(outcome?: { readonly failed?: boolean; readonly figures?: SpanFigures }): void
}

export type SpanPart = {
  readonly name: SpanName
  readonly durationMs: number
  readonly failed?: boolean
  readonly figures?: SpanFigures
} & (
  | { readonly startTickMs: number }
  /** By the engine's own wall clock. */
  | { readonly startedAtMs: number; readonly enginePid: number }
)

/** The span of a whole request. */
export interface RequestSpan extends Omit<Span, "end"> {
  end(outcome: {
    readonly method: string
    readonly route: string
    readonly status: number
    readonly figures?: SpanFigures
  }): void
}

export interface Tracer {
  /** Continues the caller's trace with a span of our own; an absent or malformed header starts a new trace, as the standard asks. */
  arrive(traceparent: string | undefined): RequestSpan
  /** Whether spans go anywhere. */
  readonly recording: boolean
}

/**
 * @param sink without one nothing is recorded, and trace ids are still continued
 * @param sampleShare of the traces that begin here, 0 to 1; a trace that comes from outside says itself whether it is sampled
 */
export function createTracer(sink?: SpanSink, sampleShare = 1): Tracer {
  return {
    recording: sink !== undefined,
    arrive(traceparent) {
      const { parentSpanId, ...continued } = continueTrace(traceparent)
      const sampled = parentSpanId === undefined ? sink !== undefined && Math.random() < sampleShare : continued.sampled
      const context = { ...continued, sampled }
      const span = sink === undefined || !sampled ? unrecorded(context) : recorded(context, parentSpanId, sink)
      return {
        ...span,
        end: ({ method, route, status, figures }) =>
          span.end({
            name: `${method} ${route}`,
            failed: status >= 500,
            figures: { "http.request.method": method, "http.route": route, "http.response.status_code": status, ...figures },
          }),
      }
    },
  }
}

/** For callers that have no tracer: goes nowhere. */
export const untraced: Span = unrecorded({ traceId: "0".repeat(32), spanId: "0".repeat(16), sampled: false })

interface NamedSpan extends Omit<Span, "end"> {
  end(outcome?: { readonly name?: string; readonly failed?: boolean; readonly figures?: SpanFigures }): void
}

function unrecorded(context: TraceContext): NamedSpan {
  const span: NamedSpan = { ...context, begin: () => span, add: () => undefined, end: () => undefined }
  return span
}

function recorded(context: TraceContext, parentSpanId: string | undefined, sink: SpanSink, ownName?: SpanName): NamedSpan {
  const { traceId } = context
  const startTickMs = nowTickMs()
  const startedAtMs = wallMs()
  let ended = false
  const childContext = (): TraceContext => ({ traceId, spanId: randomHex(8), sampled: true })
  return {
    ...context,
    begin: (name) => recorded(childContext(), context.spanId, sink, name),
    add(part) {
      const byEngine = "enginePid" in part
      sink({
        ...childContext(),
        name: part.name,
        parentSpanId: context.spanId,
        // Clocks of two processes agree to a millisecond, and no part begins before its whole.
        startedAtMs: byEngine ? Math.max(part.startedAtMs, startedAtMs) : startedAtMs + part.startTickMs - startTickMs,
        durationMs: part.durationMs,
        isRequest: false,
        failed: part.failed ?? false,
        figures: part.figures ?? {},
        enginePid: byEngine ? part.enginePid : undefined,
      })
    },
    end({ name = ownName ?? "request", failed = false, figures = {} } = {}) {
      if (ended) return
      ended = true
      const isRequest = ownName === undefined
      const durationMs = nowTickMs() - startTickMs
      sink({ ...context, name, parentSpanId, startedAtMs, durationMs, isRequest, failed, figures, enginePid: undefined })
    },
  }
}

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/** The caller's trace with a new span id of our own. `parentSpanId` is the caller's, absent when the trace begins here. */
export function continueTrace(traceparent: string | undefined): TraceContext & { readonly parentSpanId?: string } {
  const [, traceId, parentSpanId, flags] = traceparentPattern.exec(traceparent ?? "") ?? []
  if (traceId === undefined || parentSpanId === undefined) {
    // Both at once: each call costs ten microseconds, and every request needs them.
    const digits = randomHex(16 + 8)
    return { traceId: digits.slice(0, 32), spanId: digits.slice(32), sampled: false }
  }
  const spanId = randomHex(8)
  return { traceId, spanId, sampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1, parentSpanId }
}

export function toTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? "01" : "00"}`
}

let wallOffsetMs = performance.timeOrigin

/**
 * Wall time with parts of a millisecond: the monotonic clock, laid on the wall clock anew whenever the two have parted (a clock
 * that was set, or weeks of small corrections). Two processes of one machine agree to about a millisecond.
 */
export function wallMs(): number {
  const tickMs = nowTickMs()
  const wholeMs = Date.now()
  const aheadMs = wholeMs - (wallOffsetMs + tickMs)
  // `Date.now()` cuts its fraction off: up to a millisecond behind is agreement.
  if (aheadMs > 0.5 || aheadMs < -1.5) wallOffsetMs = wholeMs + 0.5 - tickMs
  return wallOffsetMs + tickMs
}

function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex")
}
