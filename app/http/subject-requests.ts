import { z } from "zod"
import type { Metadata, MetadataPatch } from "../gallery/subject-details.ts"
import { externalId, groupNames, isPrintable, subjectName, unprintableWords } from "../gallery/subject-fields.ts"
import { pageQuery, requestSchemas } from "./requests.ts"

/** What callers may say of a person. What holds between several fields is the gallery's to judge. */

/** The last moment that a JavaScript date can tell. */
const wallTimeMs = z.int().min(0).max(8.64e15)
const validFromMs = wallTimeMs.describe("milliseconds since 1970; before this the person is not recognised")
const validUntilMs = wallTimeMs.describe("milliseconds since 1970; from this moment on the person is not recognised")

const consentNote = z
  .string()
  .trim()
  .min(1)
  .max(2000)
  .refine(
    (text) => isPrintable(text.replace(/[\n\r\t]/g, " ")),
    `a note holds ${unprintableWords}, but for line breaks and tabs`,
  )
  .describe("when and how the person agreed to being recognised")

const metadataDepthMax = 5
const keyCharactersMax = 64
const metadataWords = "texts, numbers, booleans, lists and objects, five levels deep, at most 8 KiB as JSON"

/**
 * A JSON object within the bounds; where it changes an object, `null` takes a key away. Looked through by hand: zod's own objects
 * leave out a key called `__proto__` without a word.
 */
function metadataOf<Of extends Metadata | MetadataPatch>(nullable: boolean, description: string) {
  return z
    .unknown()
    .superRefine((value, context) => {
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
      const message = isObject ? whyNoMetadata(value, nullable, 1) : "is a JSON object"
      if (message !== undefined) context.addIssue({ code: "custom", message })
    })
    .meta({ type: "object", description }) as unknown as z.ZodType<Of, Of>
}

function whyNoMetadata(value: unknown, nullable: boolean, depth: number): string | undefined {
  if (value === null) return nullable ? undefined : "null says nothing here; leave the key out"
  if (typeof value === "number" && !Number.isFinite(value)) return "a number is too large to be kept"
  if (typeof value !== "object") return undefined
  if (depth > metadataDepthMax) return `nested more than ${metadataDepthMax} levels deep`
  if (Array.isArray(value)) return firstOf(value, (item) => whyNoMetadata(item, false, depth + 1))
  return firstOf(Object.entries(value), ([key, item]) => {
    if (key === "" || key.length > keyCharactersMax || !isPrintable(key))
      return `a key has 1 to ${keyCharactersMax} characters, ${unprintableWords}`
    return whyNoMetadata(item, nullable, depth + 1)
  })
}

function firstOf<Item>(items: readonly Item[], why: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = why(item)
    if (found !== undefined) return found
  }
  return undefined
}

export const newSubjectJson = z
  .strictObject({
    name: subjectName,
    externalId: externalId.optional(),
    metadata: metadataOf<Metadata>(false, metadataWords).optional(),
    groups: groupNames.optional(),
    validFromMs: validFromMs.optional(),
    validUntilMs: validUntilMs.optional(),
    consentNote: consentNote.optional(),
  })
  .register(requestSchemas, { id: "NewSubject" })

export const subjectChangeJson = z
  .strictObject({
    name: subjectName.optional(),
    externalId: externalId.nullish(),
    metadata: metadataOf<MetadataPatch>(true, `merged into what is there, null takes a key away: ${metadataWords}`).nullish(),
    groups: groupNames.nullish().describe("in place of those before"),
    validFromMs: validFromMs.nullish(),
    validUntilMs: validUntilMs.nullish(),
    consentNote: consentNote.nullish(),
  })
  .refine((change) => Object.keys(change).length > 0, "there is nothing to change")
  .register(requestSchemas, { id: "SubjectChange", description: "What is absent stays as it is; null clears it." })

export const subjectsQuery = z.strictObject({
  ...pageQuery.shape,
  name: z.string().normalize().optional().describe("only people of exactly this name"),
  externalId: z.string().optional().describe("only the person of exactly this id of another system"),
  group: z.string().normalize().optional().describe("only members of this group"),
})
