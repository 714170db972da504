import { z } from "zod"
import { summarySchema } from "../support/statistics.ts"

/** What `peers` tells of one of them. */
export const peerDetailsSchema = z.strictObject({
  peer: z.string(),
  pictures: z.array(z.strictObject({ picture: z.string(), faces: z.number(), ms: z.array(z.number()) })),
  oneClientMs: summarySchema,
  /** Mean over the photographs of each one's median, with one client. */
  perPictureMs: z.number(),
  perFaceMs: z.number(),
  fourClientsMs: summarySchema,
  fourClientsPerSecond: z.array(z.number()),
  megabytes: z.number(),
  /** What others took of the machine, round after round, 0 to 1; empty where that was not watched. */
  disturbance: z.array(z.number()).default([]),
})
export type PeerDetails = z.output<typeof peerDetailsSchema>
