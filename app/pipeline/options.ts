import { z } from "zod"
import { policies } from "../inference/work.ts"

const policy = z.enum(policies)

const rate = z.number().min(1e-6).max(0.5)
const threshold = z.number().min(-1).max(1)

/** What is wanted otherwise at one camera, or within one group. Of two that apply the stricter one counts. */
const otherwise = z.strictObject({
  falsePositiveRate: rate.optional(),
  uncertainRate: rate.optional(),
  threshold: threshold.optional(),
})

/** How sure the box has to be. Thresholds follow from these, the embedder's calibration and the number of faces searched. */
export const decisionOptions = z.strictObject({
  /** Share of strangers who may be taken for somebody, however many faces there are. */
  falsePositiveRate: rate.default(0.01),
  /** Share of strangers who may be called uncertain or more. */
  uncertainRate: rate.default(0.2),
  /** Of a single comparison, where the gallery is so small that the rates above would ask less; also for one picture against another. */
  falseMatchRateMax: z.number().min(1e-8).max(0.1).default(1e-4),
  uncertainMatchRateMax: z.number().min(1e-8).max(0.1).default(1e-2),
  /** Similarity of a match, in place of all that; null derives it. */
  threshold: threshold.nullable().default(null),
  /** By the name that senders give their camera. */
  cameras: z.record(z.string(), otherwise).default({}),
  /** By the group that a question is restricted to. */
  groups: z.record(z.string(), otherwise).default({}),
})
export type DecisionOptions = z.output<typeof decisionOptions>

/** What the journey of a picture can be told. */
export const recognitionOptions = z.strictObject({
  /** So long a picture may wait for an engine, from when its body has been read, where the caller names no deadline. */
  budgetMs: z.int().min(50).max(60_000).default(800),
  /** Faces narrower than this are not looked for; smaller finds more and costs more. */
  faceWidthPxMin: z.number().min(8).max(1000).default(48),
  facesMax: z.int().min(1).max(1000).default(100),
  candidates: z.int().min(1).max(50).default(5),
  decisions: decisionOptions.prefault({}),
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
