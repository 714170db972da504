import { z } from "zod"
import { adminKeyCharactersMin } from "../access/claim.ts"
import { priorities } from "../inference/work.ts"
import { base64Picture, vectorFields } from "../pipeline/given.ts"

/** Request schemas by name, for the components of the OpenAPI document. */
export const requestSchemas = z.registry<{ id: string; description?: string }>()

export const pictureJson = z.strictObject({ image: base64Picture }).register(requestSchemas, { id: "Picture" })

export const picturePairJson = z
  .strictObject({ a: base64Picture, b: base64Picture })
  .register(requestSchemas, { id: "PicturePair" })

const similarityThreshold = z.number().min(-1).max(1)

/** Never a refusal: a group that nobody is a member of has nobody near. */
const group = z.string().max(200).normalize().describe("only members of this group are looked for; others are unknown")

export const vectorJson = z.strictObject(vectorFields).register(requestSchemas, { id: "Vector" })

export const searchJson = z
  .strictObject({
    ...vectorFields,
    k: z.int().min(1).max(50).default(5),
    threshold: similarityThreshold.optional().describe("similarity of a match, in place of the calibrated one"),
    group: group.optional(),
  })
  .register(requestSchemas, { id: "Search" })

const sightedFaceJson = z
  .strictObject({
    sightingId: z.guid().toLowerCase(),
    face: z
      .int()
      .min(0)
      .max(1000)
      .optional()
      .describe("its place in the sighting; when not said, the one taken for the person"),
  })
  .register(requestSchemas, { id: "SightedFaceRef" })

export const newImpostorJson = z
  .union([pictureJson, vectorJson, sightedFaceJson])
  .register(requestSchemas, { id: "NewImpostor" })

export const newFaceJson = z.union([pictureJson, vectorJson]).register(requestSchemas, { id: "NewFace" })

export const claimJson = z
  .strictObject({
    code: z.string().min(1).max(100).describe("as it is printed, in small or large letters"),
    adminKey: z
      .string()
      .regex(/^[!-~]*$/, "letters, digits and signs, without blanks")
      .min(adminKeyCharactersMin, `at least ${adminKeyCharactersMin} characters`)
      .max(200)
      .optional()
      .describe("a key of one's own choice; a random one is made when not said"),
  })
  .register(requestSchemas, { id: "ClaimAttempt" })

/** A decimal number as a query writes it, then what it must be. */
export function numeric(schema: z.ZodNumber | z.ZodInt) {
  return z
    .string()
    .regex(/^-?\d{1,9}(\.\d{1,9})?$/, "a decimal number")
    .transform(Number)
    .pipe(schema)
}

const faceWidthPxMin = numeric(z.number().min(8).max(1000))
  .optional()
  .describe("faces narrower than this are not looked for: smaller finds more and takes longer")
const threshold = numeric(similarityThreshold).optional().describe("similarity of a match, in place of the calibrated one")
const faces = z
  .enum(["largest", "single"])
  .default("largest")
  .describe("largest: faces less than half as wide as the largest are left aside; single: a second face of any size is refused")

export const profileQuery = z.strictObject({
  seconds: numeric(z.int().min(1).max(60)).default(10).describe("how long the box is watched"),
})

export const detectQuery = z.strictObject({ faceWidthPxMin })
export const nameQuery = z.strictObject({
  candidates: numeric(z.int().min(1).max(50)).optional().describe("how many of the nearest subjects each face lists"),
  threshold,
  group: group.optional(),
  faceWidthPxMin,
  include: z.literal("embedding").optional().describe("embedding: each face carries its vector and space"),
})
export const verifyQuery = z.strictObject({ threshold, faceWidthPxMin, faces })
export const enrolQuery = z.strictObject({ faces, faceWidthPxMin })

export const pageQuery = z.strictObject({
  limit: numeric(z.int().min(1).max(1000)).default(100),
  after: z.string().min(1).max(200).optional().describe("`next` of the page before"),
})

/** What a caller of the engines may say of its hurry. */
export const timedHeaders = z.object({
  "x-deadline-ms": numeric(z.int().min(100).max(60_000))
    .optional()
    .describe("how long the caller will wait, from the arrival of the request; work that comes too late is not done"),
  "x-priority": z
    .enum(priorities)
    .optional()
    .describe("background: this may wait until nobody else does, for jobs in bulk; interactive when not said"),
})
