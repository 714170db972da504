import { z } from "zod"

const gibibyte = 1024 * 1024 * 1024

/** What the enrolment of many at once can be told. */
export const enrolmentsOptions = z.strictObject({
  /** Archives that wait or are worked off lie in the data folder; all of them together take at most so many bytes. */
  spoolBytesMax: z
    .int()
    .min(1_000_000)
    .default(32 * gibibyte),
  /** So much of the disk is left free: recognition needs it to record what it sees. */
  diskFreeBytesMin: z.int().min(0).default(gibibyte),
  /** Pictures or lines in one archive; one with more is refused whole. */
  itemsMax: z.int().min(1).max(100_000_000).default(2_000_000),
  /** Jobs that wait or run; the next upload gets 503 with Retry-After. */
  waitingMax: z.int().min(1).max(1000).default(16),
  /** Uploads on their way in at one time. */
  uploadsMax: z.int().min(1).max(100).default(4),
  /** Reports of so many jobs that are over are kept; beyond it the oldest leave. */
  reportsMax: z.int().min(0).max(100_000).default(100),
  /** Listeners of the progress of jobs at one time; the next one gets 503 with Retry-After. */
  listenersMax: z.int().min(1).max(10_000).default(64),
})
export type EnrolmentsOptions = z.output<typeof enrolmentsOptions>
