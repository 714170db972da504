import { z } from "zod"
import { formats } from "../enrolment/archive/open.ts"
import { results } from "../enrolment/item.ts"
import { states } from "../enrolment/job.ts"
import { answerSchemas, list, lookAlikes, next } from "./answers.ts"

/** What is told of the enrolment of many at once. */

export const jobAnswer = z
  .strictObject({
    id: z.string(),
    state: z.enum(states).describe("waiting and running go on by themselves; the others are for ever"),
    why: z.string().optional().describe("why it failed"),
    format: z.enum(formats),
    bytes: z.int().describe("of the upload"),
    sha256: z.string().describe("of the upload, in hex"),
    requestedBy: z.string().describe("the role of the key it came with"),
    groups: list(z.string()).describe("everybody enrolled becomes a member"),
    total: z.int().optional().describe("pictures and vectors in it; absent until they are counted"),
    done: z.int().describe("of those: enrolled, duplicates and refused together"),
    enrolled: z.int(),
    duplicates: z.int().describe("the person has a face of the very same picture or vector"),
    refused: z.int(),
    lookAlikes: z.int().describe("of those enrolled: faces that somebody else's face is near to"),
    peopleAdded: z.int(),
    createdAtMs: z.number(),
    startedAtMs: z.number().optional(),
    endedAtMs: z.number().optional(),
  })
  .register(answerSchemas, { id: "EnrolmentJob" })

export const jobsAnswer = z.strictObject({ items: list(jobAnswer), next }).register(answerSchemas, { id: "EnrolmentJobPage" })

const jobItem = z
  .strictObject({
    position: z.int().describe("from 0 on, in the order of the archive"),
    file: z.string().describe("the picture's name, or the number of the line"),
    name: z.string().optional().describe("whose it is, as the archive says it"),
    externalId: z.string().optional(),
    result: z.enum(results),
    why: z.string().optional(),
    subjectId: z.string().optional(),
    faceId: z.string().optional(),
    sha256: z.string().optional().describe("of the picture, in hex"),
    lookAlikes,
  })
  .register(answerSchemas, { id: "EnrolmentJobItem" })

export const jobItemsAnswer = z
  .strictObject({ items: list(jobItem), next })
  .register(answerSchemas, { id: "EnrolmentJobItemPage", description: "Items leave with the people they belong to." })

export const jobEvents = { events: { progress: jobAnswer, ended: jobAnswer } }
