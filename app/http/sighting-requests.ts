import { z } from "zod"
import { type SightingCursor, sightingDecisions } from "../events/sighting.ts"
import { base64Picture } from "../pipeline/given.ts"
import { nameQuery, numeric, pageQuery, requestSchemas } from "./requests.ts"

/** What callers may say of cameras and of what was seen. */

export const cameraName = z
  .string()
  .regex(/^(?!\.+$)[A-Za-z0-9._-]{1,64}$/, "the name of a camera has 1 to 64 letters, digits, dots, hyphens or underscores")
  .describe("whatever its sender calls it; a camera needs no setting up")

/** Later than any camera's clock (the year 2286), and as long as every time since 2001. */
const wallTimeMsMax = 9_999_999_999_999

/** Milliseconds since 1970, as a query writes them. */
const wallTimeMs = z
  .string()
  .regex(/^\d{1,13}$/, "milliseconds since 1970, a whole number")
  .transform(Number)
  .pipe(z.int().max(wallTimeMsMax))

const flag = z
  .enum(["true", "false"])
  .transform((word) => word === "true")
  .pipe(z.boolean())

const capturedAtMsWords =
  "milliseconds since 1970 by the sender's clock; the moment of arrival when not said, or when it lies ahead"

export const ingestQuery = z.strictObject({ capturedAtMs: wallTimeMs.optional().describe(capturedAtMsWords) })

export const recognizeQuery = z.strictObject({
  ...nameQuery.shape,
  camera: cameraName
    .optional()
    .describe(
      "the frame is of this camera: recorded when there is a face, and of those that wait only the newest is looked at",
    ),
  capturedAtMs: ingestQuery.shape.capturedAtMs,
  prefer: z
    .literal("fast")
    .optional()
    .describe(
      "fast: the answer comes from half the size, sooner; the one from the full size follows as `refined` on the stream",
    ),
})

export const ingestJson = z
  .strictObject({
    image: base64Picture,
    capturedAtMs: z.int().min(0).max(wallTimeMsMax).optional().describe(capturedAtMsWords),
  })
  .register(requestSchemas, { id: "CameraFrame" })

const subject = z.guid().toLowerCase()

/** Where a page ended, as text: `next` in an answer, `after` in the query for the next page. */
export function writeCursor({ capturedAtMs, number }: SightingCursor): string {
  return `${capturedAtMs}.${number}`
}

export function readCursor(after: string): SightingCursor {
  const [capturedAtMs = 0, number = 0] = after.split(".").map(Number)
  return { capturedAtMs, number }
}

export const sightingsQuery = z.strictObject({
  limit: pageQuery.shape.limit,
  after: z
    .string()
    .regex(/^\d{1,13}\.\d{1,15}$/, "`next` of the page before")
    .optional()
    .describe("`next` of the page before"),
  camera: cameraName.optional(),
  subject: subject.optional().describe("id: only frames with a face that was, or may have been, this person"),
  decision: z
    .enum(sightingDecisions)
    .optional()
    .describe("only frames with such a face; with `subject`, frames in which that person's own face is one"),
  fromMs: wallTimeMs.optional().describe("captured at this time (milliseconds since 1970) or later"),
  toMs: wallTimeMs.optional().describe("captured before this time"),
  hasSnapshot: flag.optional().describe("true: only those with a picture; false: only those without"),
})

export const streamQuery = z.strictObject({
  camera: cameraName.optional(),
  subject: subject.optional().describe("id: only what shows, or may show, this person"),
})

export const streamHeaders = z.strictObject({
  "last-event-id": z
    .string()
    .regex(/^\d{1,15}$/, "the id of the last event that was read")
    .transform(Number)
    .pipe(z.int())
    .optional()
    .describe("everything recorded after this event comes first; 0 tells all there is"),
})

export const snapshotQuery = z.strictObject({
  annotate: flag
    .default(true)
    .describe("true: with a box for each face, its name as it is now, and the similarity; false: as the camera saw it"),
})

export const thumbnailQuery = z.strictObject({
  widthPx: numeric(z.int().min(16).max(640)).default(160).describe("never larger than the snapshot itself"),
})
