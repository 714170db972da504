import { z } from "zod"
import { priorities } from "../inference/work.ts"

/** Request schemas by name, for the components of the OpenAPI document. */
export const requestSchemas = z.registry<{ id: string; description?: string }>()

const dataUrlPrefix = /^data:[^,]{0,100};base64,/

export const base64Picture = z
  .string()
  .transform((text, context) => decodeBase64(text.replace(dataUrlPrefix, ""), context))
  .describe("JPEG, PNG or WebP in base64; a data: URL is taken too")

export const pictureJson = z.strictObject({ image: base64Picture }).register(requestSchemas, { id: "Picture" })

export const picturePairJson = z
  .strictObject({ a: base64Picture, b: base64Picture })
  .register(requestSchemas, { id: "PicturePair" })

/** Little-endian float32 in base64 is a third of the decimal form and exact. */
const base64Floats = z.string().transform((text, context): Float32Array => {
  const bytes = decodeBase64(text, context)
  if (bytes.length % 4 === 0) return floatsOf(bytes)
  context.addIssue({ code: "custom", message: `float32 numbers take 4 bytes each; these are ${bytes.length} bytes` })
  return z.NEVER
})

/** The longest vector taken from outside; far above any embedder's. */
const vectorLengthMax = 4096

const vector = {
  embedding: z
    .union([z.array(z.number()).min(1).max(vectorLengthMax), base64Floats])
    .describe("numbers, or little-endian float32 in base64; of any length but zero, it is made a unit vector"),
  space: z.string().max(200).describe("name@sha8/dimension, as the answer that gave the embedding says"),
}

const similarityThreshold = z.number().min(-1).max(1)

export const vectorJson = z.strictObject(vector).register(requestSchemas, { id: "Vector" })

export const searchJson = z
  .strictObject({
    ...vector,
    k: z.int().min(1).max(50).default(5),
    threshold: similarityThreshold.optional().describe("similarity of a match, in place of the calibrated one"),
  })
  .register(requestSchemas, { id: "Search" })

export const newFaceJson = z.union([pictureJson, vectorJson]).register(requestSchemas, { id: "NewFace" })

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

function decodeBase64(text: string, context: z.RefinementCtx): Uint8Array {
  try {
    return Uint8Array.fromBase64(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    context.addIssue({ code: "custom", message: "is not base64" })
    return z.NEVER
  }
}

function floatsOf(littleEndian: Uint8Array): Float32Array {
  const view = new DataView(littleEndian.buffer, littleEndian.byteOffset, littleEndian.byteLength)
  return Float32Array.from({ length: littleEndian.length / 4 }, (_, i) => view.getFloat32(i * 4, true))
}
