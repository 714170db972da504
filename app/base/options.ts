import { z } from "zod"

/** What the box tells others about its own work. Off unless a collector is named. */
export const telemetryOptions = z.strictObject({
  /** Base address of an OTLP/HTTP collector, such as `http://127.0.0.1:4318`; traces go to `/v1/traces` below it. */
  otlpEndpoint: z
    .url({ protocol: /^https?$/, error: "an http or https address" })
    .nullable()
    .default(null),
  /** Of the traces that begin here; a caller's own `traceparent` says itself whether it is sampled. */
  sampleShare: z.number().min(0).max(1).default(1),
})
export type TelemetryOptions = z.output<typeof telemetryOptions>
