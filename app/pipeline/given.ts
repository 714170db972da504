import { z } from "zod"

/** Pictures and vectors as callers write them in JSON, whichever door they come through. */

const dataUrlPrefix = /^data:[^,]{0,100};base64,/

/** Decoded to the picture's bytes. */
export const base64Picture = z
  .string()
  .transform((text, context) => decodeBase64(text.replace(dataUrlPrefix, ""), context))
  .describe("JPEG, PNG or WebP in base64; a data: URL is taken too")

/** Little-endian float32 in base64 is a third of the decimal form and exact. */
const base64Floats = z.string().transform((text, context): Float32Array => {
  const bytes = decodeBase64(text, context)
  // A copy at the start of a buffer of its own. Every processor we run on is little-endian.
  if (bytes.length % 4 === 0) return new Float32Array(bytes.slice().buffer)
  context.addIssue({ code: "custom", message: `float32 numbers take 4 bytes each; these are ${bytes.length} bytes` })
  return z.NEVER
})

/** The longest vector taken from outside; far above any embedder's. */
const vectorLengthMax = 4096

/** The fields of a vector made elsewhere; whether it fits is judged by `readVector`. */
export const vectorFields = {
  embedding: z
    .union([z.array(z.number()).min(1).max(vectorLengthMax), base64Floats])
    .describe("numbers, or little-endian float32 in base64; of any length but zero, it is made a unit vector"),
  space: z.string().max(200).describe("name@sha8/dimension, as the answer that gave the embedding says"),
}

function decodeBase64(text: string, context: z.RefinementCtx): Uint8Array {
  try {
    return Uint8Array.fromBase64(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    context.addIssue({ code: "custom", message: "is not base64" })
    return z.NEVER
  }
}
