import { z } from "zod"
import { externalId, subjectName } from "../gallery/subject-fields.ts"
import { answerSchemas, list, subjectAnswer } from "./answers.ts"
import { requestSchemas } from "./requests.ts"

const receipt = z
  .strictObject({
    body: z.strictObject({
      what: z.literal("erasure of a person"),
      subjectId: z.string().describe("a random id, which refers to nobody any more"),
      askedAtMs: z.int(),
      erasedAtMs: z.int(),
      program: z.string(),
      rows: z.record(z.string(), z.int()).describe("rows that were erased, by the folder that held them"),
      database: z
        .enum(["rewritten", "shredded"])
        .describe("rewritten: without the free space between rows; shredded: the key that had sealed it is gone"),
      backups: z.strictObject({
        keysTaken: z.int().describe("the person's key, taken out of sealed backups"),
        rewritten: z.int().describe("backups that were not sealed, written anew without the person"),
        left: list(z.string()).describe("backups that could not be, and still hold the person; they leave by age"),
      }),
      copiesLeft: list(z.string()).describe(
        "what may hold the person and is to be deleted by hand: galleries that a restore put aside, archives that wait",
      ),
    }),
    algorithm: z.enum(["Ed25519", "SM2-SM3"]),
    publicKey: z.string().describe("SubjectPublicKeyInfo, base64"),
    signature: z.string().describe("over the canonical JSON (RFC 8785) of all the rest, base64"),
  })
  .register(answerSchemas, { id: "Receipt" })

export const erasureAnswer = z
  .strictObject({
    subjectId: z.string(),
    askedAtMs: z.int(),
    receipt: receipt.optional().describe("absent until the last trace is gone"),
  })
  .register(answerSchemas, { id: "Erasure" })

export const erasuresAnswer = z.strictObject({ items: list(erasureAnswer) }).register(answerSchemas, { id: "Erasures" })

const rearrangement = z
  .strictObject({
    id: z.string(),
    kind: z.enum(["merge", "split"]),
    subjectId: z.string().describe("who has everything now (merge), or had it before (split)"),
    otherId: z.string().describe("who is gone since (merge), or is new (split)"),
    atMs: z.int(),
  })
  .register(answerSchemas, { id: "Rearrangement" })

export const rearrangedAnswer = z
  .strictObject({ subject: subjectAnswer, rearrangement })
  .register(answerSchemas, { id: "Rearranged" })

export const rearrangementsAnswer = z
  .strictObject({ items: list(rearrangement) })
  .register(answerSchemas, { id: "Rearrangements" })

export const undoneAnswer = z.strictObject({ undone: rearrangement }).register(answerSchemas, { id: "Undone" })

const side = z.strictObject({ set: z.string(), space: z.string() })
const counted = z.strictObject({ faces: z.int(), covered: z.int().describe("of those, in the space of this set") })
const agreement = z
  .strictObject({
    asked: z.int().describe("faces that were asked about in both spaces"),
    sameNearest: z.int().describe("for which both name the same other person as the nearest"),
    confused: z
      .strictObject({ from: z.int(), to: z.int() })
      .describe("for which another person is a match, in the space that serves and in the one that is filled"),
  })
  .register(answerSchemas, { id: "Agreement" })

export const reembeddingAnswer = z
  .strictObject({
    active: side.describe("what answers"),
    shadow: side
      .extend({
        state: z.enum(["filling", "filled"]),
        coverage: counted,
        failed: z.int().describe("pictures that gave no vector"),
        agreement: agreement.optional().describe("once it is filled"),
      })
      .optional()
      .describe("what is being filled, or served before; absent for none"),
  })
  .register(answerSchemas, { id: "Reembedding" })

export const reembedJson = z
  .strictObject({ set: z.string().min(1).max(100).describe("a model set, as GET /v1/system names them") })
  .register(requestSchemas, { id: "Reembed" })

export const flipJson = z
  .strictObject({ anyway: z.boolean().default(false).describe("also when faces would be missing") })
  .register(requestSchemas, { id: "Flip" })

/** As many as a person has at most photographs of. */
const facesMax = 1000

export const mergeJson = z
  .strictObject({ from: z.uuid().describe("who becomes part of this person, and is gone then") })
  .register(requestSchemas, { id: "Merge" })

export const splitJson = z
  .strictObject({
    faceIds: z.array(z.uuid()).min(1).max(facesMax),
    name: subjectName,
    externalId: externalId.optional(),
  })
  .register(requestSchemas, { id: "Split" })
