import { z } from "zod"
import { personLine } from "../enrolment/archive/lines.ts"
import type { Format } from "../enrolment/archive/open.ts"
import { results } from "../enrolment/item.ts"
import { groupNames } from "../gallery/subject-fields.ts"
import type { BodyUpload, StreamedFormats } from "./body.ts"
import { pageQuery, requestSchemas } from "./requests.ts"

/** What callers may say of the enrolment of many at once. */

export interface NewJobBody {
  readonly format: Format
  readonly upload: BodyUpload
}

const archive = { type: "string", contentMediaType: "application/octet-stream" }
const lines = personLine.register(requestSchemas, {
  id: "PersonLine",
  description: "One line of many. A name, an externalId or both say whose it is.",
})

/** Any length: the spool of the box says what it takes. */
export const newJobBody: StreamedFormats<NewJobBody> = {
  "application/zip": { schema: archive, stream: (upload) => ({ format: "zip", upload }) },
  "application/x-tar": { schema: archive, stream: (upload) => ({ format: "tar", upload }) },
  "application/gzip": { schema: archive, stream: (upload) => ({ format: "tar", upload }) },
  "application/x-ndjson": { schema: lines, stream: (upload) => ({ format: "ndjson", upload }) },
}

export const newJobQuery = z.strictObject({
  groups: z
    .string()
    .transform((text) => text.split(","))
    .pipe(groupNames)
    .optional()
    .describe("names of groups, with commas between: everybody enrolled becomes a member"),
})

/** Positions, as a query writes them. */
const position = z
  .string()
  .regex(/^\d{1,9}$/, "`next` of the page before")
  .transform(Number)
  .pipe(z.int())

export const jobItemsQuery = z.strictObject({
  limit: pageQuery.shape.limit,
  after: position.optional().describe("`next` of the page before"),
  result: z
    .enum([...results, "refused", "look_alike"])
    .optional()
    .describe(
      "only these; refused: all that are neither enrolled nor duplicates; look_alike: those that look like somebody else",
    ),
})
