import { z } from "zod"

/** What the inference folder can be told. */
export const inferenceOptions = z.strictObject({
  /** Engine processes; `auto` takes one for each core up to four. More engines beat more threads on small models. */
  engines: z.union([z.literal("auto"), z.int().min(1).max(64)]).default("auto"),
  threadsPerEngine: z.int().min(1).max(64).default(1),
  /** `auto` takes the best set whose files are all there (`models/sets.json`). */
  modelSet: z.string().min(1).default("auto"),
  /** Frames that may wait for an engine; the next one is refused at once. */
  waitingMax: z.int().min(1).max(10_000).default(64),
  /** A run longer than this is stuck: its engine is killed. Long enough for the largest picture on a slow core. */
  stuckRunMs: z.int().min(1000).default(9000),
  /** An idle engine answers a ping within this time or is killed. */
  pongLateMs: z.int().min(200).default(4000),
  pingEveryMs: z.int().min(50).default(1000),
  /** Loading, warming and the known-answer test together. */
  startMs: z.int().min(1000).default(60_000),
})
export type InferenceOptions = z.output<typeof inferenceOptions>
