import { z } from "zod"

/** What the memory of what was seen can be told. */
export const sightingsOptions = z.strictObject({
  /** Sightings and their pictures take at most so many bytes on disk; beyond it the oldest leave. */
  bytesMax: z
    .int()
    .min(1_000_000)
    .default(2 * 1024 * 1024 * 1024),
  /** Sightings older than this leave. */
  ageMaxDays: z.number().positive().max(36_500).default(30),
  /** Sightings on which nobody was known, not even perhaps, leave at this age; `null`: as late as all others. */
  unknownAgeMaxDays: z.number().positive().max(36_500).nullable().default(null),
  /**
   * The oldest leave, too, when the disk has less than this left, on it or inside the database; of a small disk an eighth, if
   * that is less.
   */
  freeBytesMin: z
    .int()
    .min(0)
    .default(64 * 1024 * 1024),
  /** Whether a picture of the whole frame is kept with each sighting. */
  keepSnapshots: z.boolean().default(true),
  snapshot: z
    .strictObject({
      longestSidePx: z.int().min(64).max(4096).default(640),
      /** Of the JPEG, 1 to 100. */
      quality: z.int().min(1).max(100).default(80),
      /** Of one camera at most one picture in this time, as long as the same people are on it; 0: one with each sighting. */
      everyMs: z.int().min(0).max(3_600_000).default(0),
    })
    .prefault({}),
  /**
   * What cameras send (`/ingest`) is written to the disk at most once in this time, together with what came meanwhile: flash memory
   * lasts longer. A frame is answered so much later at most, and at once when there was none lately. 0 writes each by itself.
   */
  commitEveryMs: z.int().min(0).max(10_000).default(0),
  /** Listeners of the stream at one time; the next one gets 503 with Retry-After. */
  listenersMax: z.int().min(1).max(10_000).default(256),
  /** Events that may wait for one slow listener; beyond it the oldest are lost, and the listener is told. */
  listenerBufferMax: z.int().min(1).max(10_000).default(256),
})
export type SightingsOptions = z.output<typeof sightingsOptions>
