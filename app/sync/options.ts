import { z } from "zod"

const mebibyte = 1024 * 1024

/** What a box that belongs to a site shares with it, and how much of the line that may take. Of no use to other boxes. */
export const syncOptions = z.strictObject({
  /** A box that joined a site talks with its hub; `false` keeps it silent for a while. What it records meanwhile goes later. */
  enabled: z.boolean().default(true),
  /** The pictures of enrolled faces go along; without them another box cannot embed a face anew for another model set. */
  chips: z.boolean().default(false),
  /** Both ways together; `null` is no limit. */
  bytesPerSecondMax: z.int().min(1024).nullable().default(null),
  /** Records read in a second by a box that was away; `null` is no limit. */
  catchUpRecordsPerSecondMax: z.int().min(10).nullable().default(null),
  /** Read in one go and written in one transaction: this long the box does nothing else. */
  pageRecords: z.int().min(1).max(1000).default(64),
  /** On their way to the hub at one time. */
  windowRecords: z.int().min(1).max(1000).default(128),
  /** Asks the hub for what is new, also when it did not tell. */
  pollSeconds: z.number().min(0.1).max(3600).default(5),
  /** Asks the hub what it may have lost; and once after each time the line was cut. */
  verifySeconds: z.number().min(1).max(86_400).default(60),
  /** The box that keeps the hub clean removes what was erased or overwritten this often; it reads all records for it. */
  sweepMinutes: z.number().min(1).max(10_080).default(15),
  sightings: z
    .strictObject({
      /** What cameras saw here goes to the hub, sealed for the site: who was where. Nothing does by itself. */
      enabled: z.boolean().default(false),
      /** So much may wait for the hub; beyond it the oldest are not sent, and counted. */
      bytesMax: z
        .int()
        .min(mebibyte)
        .default(64 * mebibyte),
    })
    .prefault({}),
})
export type SyncOptions = z.output<typeof syncOptions>
