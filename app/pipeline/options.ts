import { z } from "zod"
import { policies } from "../inference/work.ts"

const policy = z.enum(policies)

/** What the journey of a picture can be told. */
export const recognitionOptions = z.strictObject({
  /** So long a picture may wait for an engine, from when its body has been read, where the caller names no deadline. */
  budgetMs: z.int().min(50).max(60_000).default(800),
  /** Faces narrower than this are not looked for; smaller finds more and costs more. */
  faceWidthPxMin: z.number().min(8).max(1000).default(48),
  facesMax: z.int().min(1).max(1000).default(100),
  candidates: z.int().min(1).max(50).default(5),
  /**
   * What becomes of a picture when the engines are pressed. `reject`: refused when the queue is full. `degrade`: sooner than
   * that, faces are looked for in half the size, and the answer says so. `dropOldest`: the oldest that waits gives way.
   */
  policies: z
    .strictObject({
      /** Whoever would rather miss a small face than wait says `degrade`; it is nothing to do behind anybody's back. */
      recognize: policy.default("reject"),
      detect: policy.default("reject"),
      embed: policy.default("reject"),
      verify: policy.default("reject"),
      /** A face that stands for a person from now on is looked at in full or not at all. */
      enrol: policy.exclude(["degrade"]).default("reject"),
      ingest: policy.default("dropOldest"),
    })
    .prefault({}),
  /** The full look after a quick answer (`prefer=fast`). */
  refine: z
    .strictObject({
      /** So many full looks wait or run at one time; beyond it a quick answer stands alone and says so. */
      atOnceMax: z.int().min(0).max(1000).default(8),
      /** A full look that has not begun by then is given up. */
      budgetMs: z.int().min(50).max(60_000).default(5000),
    })
    .prefault({}),
  enrolment: z
    .strictObject({
      faceWidthPxMin: z.number().min(8).max(1000).default(32),
      qualityScoreMin: z.number().min(0).max(1).default(0.2),
      /** The picture of each enrolled face is kept, so that it can be shown, and embedded again by another network. */
      keepFaceImages: z.boolean().default(true),
    })
    .prefault({}),
})
export type RecognitionOptions = z.output<typeof recognitionOptions>
export type RefineOptions = RecognitionOptions["refine"]
