import { z } from "zod"
import { answerSchemas, box, decidedBy, decision, degraded, image, list, next, recognitionAnswer } from "./answers.ts"

/** What is told of cameras and of what was seen. */

const who = {
  decision,
  subjectId: z.string().optional().describe("who it is (match) or may be (uncertain)"),
  name: z.string().optional(),
  similarity: z.number().optional().describe("to the nearest subject, whatever the decision; absent when there was none"),
}

export const ingestAnswer = z
  .strictObject({
    requestId: z.string(),
    camera: z.string(),
    sightingId: z.string().optional().describe("what was recorded; absent when there was no face"),
    image,
    faces: list(z.strictObject({ box, score: z.number(), ...who }).register(answerSchemas, { id: "IngestedFace" })),
    decidedBy,
    degraded,
    timingsMs: z.strictObject({ wait: z.number(), total: z.number() }),
  })
  .register(answerSchemas, { id: "Ingested" })

const sightedFace = z
  .strictObject({
    box,
    score: z.number(),
    qualityScore: z.number(),
    ...who,
    name: z.string().optional().describe("as it is now"),
    forgotten: z
      .literal(true)
      .optional()
      .describe("the person has been deleted since, and it is not known any more who it was"),
  })
  .register(answerSchemas, { id: "SightedFace" })

export const sightingAnswer = z
  .strictObject({
    id: z.string(),
    number: z.int().describe("rises with each recording; the id of its event in the stream"),
    camera: z.string(),
    requestId: z.string(),
    capturedAtMs: z.number(),
    recordedAtMs: z.number(),
    image,
    hasSnapshot: z.boolean(),
    faces: list(sightedFace).describe("largest first"),
  })
  .register(answerSchemas, { id: "Sighting" })

export const sightingsAnswer = z
  .strictObject({ items: list(sightingAnswer), next })
  .register(answerSchemas, { id: "SightingPage" })

const listeningEvent = z
  .strictObject({ number: z.int().describe("everything recorded after this sighting will be told") })
  .register(answerSchemas, { id: "Listening" })

const lostEvent = z
  .strictObject({
    reason: z
      .enum(["slow", "deleted", "unknown_position"])
      .describe(
        "slow: the listener read too slowly, and the oldest that waited were dropped; they can still be had by `Last-Event-ID`. " +
          "deleted: they have left the box since. unknown_position: the id is from another database",
      ),
    count: z.int().optional().describe("how many events at most; absent when nobody can say"),
  })
  .register(answerSchemas, { id: "Lost" })

export const sightingEvents = {
  events: { listening: listeningEvent, sighting: sightingAnswer, refined: recognitionAnswer, lost: lostEvent },
} as const

/** What `prefer=fast` sends after its quick answer. */
export type RefinedAnswer = z.input<typeof recognitionAnswer>
