import { z } from "zod"
import { median, roundTo, slope, summarise, summarySchema } from "../support/statistics.ts"
import type { Sent } from "./open-loop.ts"
import { operations } from "./options.ts"
import { type Sample, sampleSchema } from "./watch.ts"

const statuses = z.record(z.string(), z.int())

/** One second of the load, by when its requests were due. */
const secondSchema = z.strictObject({
  second: z.int(),
  sent: z.int(),
  statuses,
  acceptedP50Ms: z.number(),
  acceptedP99Ms: z.number(),
})
export type Second = z.output<typeof secondSchema>

export const memorySchema = z.strictObject({
  /** By least squares over the settled part: the first fifth is warming up and is left out. */
  parentSlopeMBPerMinute: z.number(),
  slopeMBPerMinute: z.number(),
  firstMB: z.number(),
  lastMB: z.number(),
  maxMB: z.number(),
  /** Fewest and most of parent and engines in the settled part. */
  descriptors: z.strictObject({ min: z.int(), max: z.int() }),
})

export const loadDetailsSchema = z.strictObject({
  ratePerSecond: z.number(),
  seconds: z.number(),
  unloaded: z.strictObject({ latencyMs: summarySchema }).optional(),
  capacity: z.strictObject({ perSecond: z.number(), clients: z.int(), latencyMs: summarySchema, refused: statuses }).optional(),
  statuses,
  /** From the moment a request was due until its answer; of accepted requests, of all together and apart. */
  acceptedMs: summarySchema,
  byOperation: z.partialRecord(z.enum(operations), z.strictObject({ statuses, acceptedMs: summarySchema })),
  refusedMs: summarySchema,
  /** How late the generator itself was: figures below this are its own. */
  senderLateMs: summarySchema,
  /** Accepted answers after their deadline, counted from when the request left; only with a deadline. */
  overDeadline: z.strictObject({ deadlineMs: z.number(), count: z.int(), worstMs: z.number() }).optional(),
  /** From the end of the load until 20 answers in a row were as quick as before it; absent when that was not reached. */
  normalAfterMs: z.number().optional(),
  memory: memorySchema.optional(),
  timeline: z.array(secondSchema),
  samples: z.array(sampleSchema),
})
export type LoadDetails = z.output<typeof loadDetailsSchema>

export function countStatuses(sent: readonly Sent[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { answer } of sent) counts[answer.status] = (counts[answer.status] ?? 0) + 1
  return counts
}

/** What came of an open loop, apart from the phases around it. */
export function summariseLoad(
  sent: readonly Sent[],
  seconds: number,
  deadlineMs: number | undefined,
): Pick<LoadDetails, "statuses" | "acceptedMs" | "byOperation" | "refusedMs" | "senderLateMs" | "overDeadline" | "timeline"> {
  const accepted = sent.filter(({ answer }) => answer.accepted)
  const asked = operations.filter((name) => sent.some(({ operation }) => operation === name))
  return {
    statuses: countStatuses(sent),
    acceptedMs: summarise(accepted.map(({ latencyMs }) => latencyMs)),
    byOperation: Object.fromEntries(asked.map((name) => [name, summariseOperation(sent, name)])),
    refusedMs: summarise(sent.filter(({ answer }) => !answer.accepted).map(({ latencyMs }) => latencyMs)),
    senderLateMs: summarise(sent.map(({ lateMs }) => lateMs)),
    ...(deadlineMs !== undefined && { overDeadline: overDeadline(accepted, deadlineMs) }),
    timeline: timelineOf(sent, seconds),
  }
}

function summariseOperation(sent: readonly Sent[], name: Sent["operation"]) {
  const own = sent.filter(({ operation }) => operation === name)
  const accepted = own.filter(({ answer }) => answer.accepted)
  return { statuses: countStatuses(own), acceptedMs: summarise(accepted.map(({ latencyMs }) => latencyMs)) }
}

function overDeadline(accepted: readonly Sent[], deadlineMs: number) {
  const lateMs = accepted.map(({ answer }) => answer.tookMs - deadlineMs).filter((late) => late > 0)
  return { deadlineMs, count: lateMs.length, worstMs: roundTo(Math.max(0, ...lateMs), 1) }
}

function timelineOf(sent: readonly Sent[], seconds: number): Second[] {
  const buckets: Sent[][] = Array.from({ length: Math.ceil(seconds) }, () => [])
  for (const one of sent) buckets[Math.floor(one.dueMs / 1000)]?.push(one)
  return buckets.map((bucket, second) => {
    const accepted = summarise(bucket.filter(({ answer }) => answer.accepted).map(({ latencyMs }) => latencyMs))
    return {
      second,
      sent: bucket.length,
      statuses: countStatuses(bucket),
      acceptedP50Ms: accepted.p50,
      acceptedP99Ms: accepted.p99,
    }
  })
}

/** Share of the samples in which caches and heaps still grow to their size. */
const warmingShare = 0.2
/** The samples are told by the medians of so many parts: one sample says how lately the collector ran, not what is held. */
const partsMax = 16

/** `undefined` for fewer than five samples. */
export function summariseMemory(samples: readonly Sample[]): LoadDetails["memory"] {
  const settled = samples.slice(Math.floor(samples.length * warmingShare))
  if (settled.length < 5) return undefined
  const partLength = Math.ceil(settled.length / partsMax)
  const parts = Array.from({ length: Math.floor(settled.length / partLength) }, (_, part) =>
    settled.slice(part * partLength, (part + 1) * partLength),
  )
  const wholeMB = ({ parentMB, enginesMB }: Sample) => parentMB + enginesMB
  const mediansOf = (read: (sample: Sample) => number) => parts.map((part) => median(part.map(read)))
  const perMinute = (read: (sample: Sample) => number) => {
    const minutes = mediansOf(({ atMs }) => atMs / 60_000)
    return roundTo(slope(mediansOf(read).map((y, part) => ({ x: minutes[part]!, y }))), 3)
  }
  const whole = mediansOf(wholeMB)
  const descriptors = settled.map(({ parentDescriptors, engineDescriptors }) => parentDescriptors + engineDescriptors)
  return {
    parentSlopeMBPerMinute: perMinute(({ parentMB }) => parentMB),
    slopeMBPerMinute: perMinute(wholeMB),
    firstMB: roundTo(whole[0]!, 1),
    lastMB: roundTo(whole.at(-1)!, 1),
    maxMB: roundTo(Math.max(...samples.map(wholeMB)), 1),
    descriptors: { min: Math.min(...descriptors), max: Math.max(...descriptors) },
  }
}
