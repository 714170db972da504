import { z } from "zod"

/** What the journey of a picture can be told. */
export const recognitionOptions = z.strictObject({
  /** So long a picture may wait for an engine, from when its body has been read, where the caller names no deadline. */
  budgetMs: z.int().min(50).max(60_000).default(800),
  /** Faces narrower than this are not looked for; smaller finds more and costs more. */
  faceWidthPxMin: z.number().min(8).max(1000).default(48),
  facesMax: z.int().min(1).max(1000).default(100),
  candidates: z.int().min(1).max(50).default(5),
  enrolment: z
    .strictObject({
      faceWidthPxMin: z.number().min(8).max(1000).default(32),
      qualityScoreMin: z.number().min(0).max(1).default(0.2),
    })
    .prefault({}),
})
export type RecognitionOptions = z.output<typeof recognitionOptions>
