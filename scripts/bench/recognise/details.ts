import { z } from "zod"
import { usageSchema } from "../support/processes.ts"
import { summarySchema } from "../support/statistics.ts"
import { latencySchema } from "./latency.ts"

/** What `recognise` tells of one model set. */
export const setDetailsSchema = z.strictObject({
  set: z.string(),
  runs: z.array(z.strictObject({ model: z.string(), stage: z.string(), shape: z.string() })),
  faces: z.int(),
  latency: latencySchema,
  /** Recognitions in a second, round after round. */
  throughput: z.strictObject({ one: z.array(z.number()), two: z.array(z.number()), scaling: z.number() }),
  /** Latency of one request while all clients ask two engines, in the round with the middle p99. */
  saturatedMs: summarySchema,
  memory: z.strictObject({ one: usageSchema, two: usageSchema }),
  /** What others took of the machine, round after round, 0 to 1. */
  disturbance: z.array(z.number()),
})
export type SetDetails = z.output<typeof setDetailsSchema>
