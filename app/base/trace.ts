/** W3C trace context: https://www.w3.org/TR/trace-context/#traceparent-header */
export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/** Continues the caller's trace with a span of our own; an absent or malformed header starts a new trace, as the standard asks. */
export function continueTrace(traceparent: string | undefined): TraceContext {
  const parent = traceparent === undefined ? null : traceparentPattern.exec(traceparent)
  const spanId = randomHex(8)
  if (parent === null) return { traceId: randomHex(16), spanId, sampled: false }
  return { traceId: parent[1] ?? randomHex(16), spanId, sampled: (Number.parseInt(parent[3] ?? "0", 16) & 1) === 1 }
}

export function toTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? "01" : "00"}`
}

function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex")
}
