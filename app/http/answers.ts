import { z } from "zod"
import { impostorSources } from "../gallery/impostors.ts"
import { degradations } from "../inference/work.ts"

/** Answer schemas by name, for the components of the OpenAPI document; the types of the routes' answers come from them too. */
export const answerSchemas = z.registry<{ id: string; description?: string }>()

export const box = z
  .strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
  .register(answerSchemas, { id: "Box", description: "Pixels of the upright picture, origin at the top left." })
export const image = z.strictObject({ width: z.int(), height: z.int() }).register(answerSchemas, { id: "ImageSize" })
const point = z.tuple([z.number(), z.number()]).readonly()
const landmarks = z
  .tuple([point, point, point, point, point])
  .readonly()
  .register(answerSchemas, { id: "Landmarks", description: "Image-left eye, image-right eye, nose, corners of the mouth." })
const quality = z
  .strictObject({
    score: z.number(),
    faceWidthPx: z.number(),
    eyeDistancePx: z.number(),
    brightness: z.number(),
    contrast: z.number(),
    sharpness: z.number(),
    yaw: z.number(),
    pitch: z.number(),
    roll: z.number(),
  })
  .register(answerSchemas, { id: "Quality", description: "Score, brightness, contrast, sharpness: 0 to 1. Angles in degrees." })

export const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly()

export const decision = z.enum(["match", "uncertain", "unknown"]).register(answerSchemas, {
  id: "Decision",
  description:
    "match: by a threshold that takes at most the wanted share of strangers for somebody (recognition.decisions), however many people are enrolled. " +
    "uncertain: near enough that a person should look.",
})
const share = z.number().min(0).max(1)
export const decidedBy = z
  .strictObject({
    match: z.number().describe("similarity of a match"),
    uncertain: z.number().describe("similarity from which a face is uncertain"),
    falsePositiveRate: share.describe("of strangers, who would be a match at this threshold"),
    interval: z
      .strictObject({ low: share, high: share })
      .optional()
      .describe("95 % of falsePositiveRate, by the people it was calibrated on"),
    extrapolated: z
      .boolean()
      .describe(
        "true: nobody so near was among the strangers of the calibration; the rate rests on the tail that was fitted to them",
      ),
    comparisons: z.int().describe("faces that each face was compared with"),
  })
  .register(answerSchemas, {
    id: "DecidedBy",
    description: "Thresholds of similarity at this moment, and what they are worth.",
  })
const candidate = z
  .strictObject({
    subjectId: z.string(),
    name: z.string(),
    similarity: z.number(),
    impostorSimilarity: z
      .number()
      .optional()
      .describe("to the nearest face that was said not to be this person's; absent when there is none"),
  })
  .register(answerSchemas, { id: "Candidate" })
const match = z
  .strictObject({ subjectId: z.string(), name: z.string(), faceId: z.string(), similarity: z.number() })
  .register(answerSchemas, { id: "Match" })
const named = { decision, match: match.optional(), candidates: list(candidate) }

const detectedFace = { box, score: z.number(), landmarks }
const qualifiedFace = { ...detectedFace, quality }
const embedded = { embedding: list(z.number()), space: z.string() }

export const models = z
  .strictObject({ detector: z.string(), embedder: z.string(), space: z.string() })
  .register(answerSchemas, { id: "Models" })
const requestId = z.string()
const cached = z
  .boolean()
  .describe("the same picture was answered just now, and no engine looked at it again; its stages took no time")
const engineTimings = {
  cache: z.number().optional().describe("looking whether the same picture was answered just now"),
  wait: z.number(),
  decode: z.number(),
  detect: z.number(),
  align: z.number(),
  embed: z.number(),
}
export const degraded = list(z.enum(degradations)).describe(
  "what was left out to answer in time. detectorInput: faces were looked for in half the size, so small ones may be missing",
)
const picture = { requestId, models, image, degraded, cached }

export const recognitionAnswer = z
  .strictObject({
    ...picture,
    faces: list(
      z
        .strictObject({
          ...qualifiedFace,
          ...named,
          embedding: embedded.embedding.optional(),
          space: embedded.space.optional(),
        })
        .register(answerSchemas, { id: "RecognizedFace" }),
    ),
    sightingId: z.string().optional().describe("with `camera`: what was recorded; absent when there was no face"),
    notRecorded: z
      .string()
      .optional()
      .describe("with `camera`: why nothing could be recorded; the answer is right all the same"),
    refines: z
      .boolean()
      .optional()
      .describe(
        "with `prefer=fast`: true: the full answer follows as `refined` on /v1/sightings/stream, with this requestId, and is what is " +
          "recorded; false: as many follow already as may, and this is all there will be",
      ),
    decidedBy,
    timingsMs: z.strictObject({ ...engineTimings, search: z.number(), total: z.number() }),
  })
  .register(answerSchemas, { id: "Recognition" })

export const detectionAnswer = z
  .strictObject({
    ...picture,
    faces: list(z.strictObject(qualifiedFace).register(answerSchemas, { id: "Face" })),
    timingsMs: z.strictObject({ ...engineTimings, total: z.number() }),
  })
  .register(answerSchemas, { id: "Detection" })

export const embeddingAnswer = z
  .strictObject({
    ...picture,
    faces: list(z.strictObject({ ...qualifiedFace, ...embedded }).register(answerSchemas, { id: "EmbeddedFace" })),
    timingsMs: z.strictObject({ ...engineTimings, total: z.number() }),
  })
  .register(answerSchemas, { id: "Embeddings" })

export const verificationAnswer = z
  .strictObject({
    requestId,
    models,
    similarity: z.number(),
    decision: z.enum(["same", "uncertain", "different"]),
    a: z.strictObject(qualifiedFace),
    b: z.strictObject(qualifiedFace),
    degraded,
    timingsMs: z.strictObject({ total: z.number() }),
  })
  .register(answerSchemas, { id: "Verification" })

export const searchAnswer = z
  .strictObject({ requestId, ...named, decidedBy, timingsMs: z.strictObject({ search: z.number() }) })
  .register(answerSchemas, { id: "SearchResult" })

export const subjectAnswer = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    externalId: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()).readonly(),
    groups: list(z.string()),
    validFromMs: z.number().optional(),
    validUntilMs: z.number().optional(),
    consentNote: z.string().optional(),
    createdAtMs: z.number(),
    updatedAtMs: z.number().describe("of the person or of one of the faces"),
    version: z.int().describe("rises with every change of the person or of the faces"),
    faceCount: z.int(),
  })
  .register(answerSchemas, { id: "Subject" })

export const next = z.string().optional().describe("give it back as `after` for the next page; absent on the last")

export const subjectsAnswer = z
  .strictObject({ items: list(subjectAnswer), next })
  .register(answerSchemas, { id: "SubjectPage" })

const enrolledFace = z
  .strictObject({
    id: z.string(),
    subjectId: z.string(),
    space: z.string(),
    source: z.enum(["picture", "vector"]),
    quality: quality.optional(),
    hasImage: z.boolean().describe("its picture is kept, at /v1/faces/{id}/image.jpg"),
    createdAtMs: z.number(),
  })
  .register(answerSchemas, { id: "EnrolledFace" })

export const ignoredFaces = list(z.strictObject({ box, score: z.number() }))

export const lookAlikes = list(
  z
    .strictObject({ subjectId: z.string(), name: z.string(), similarity: z.number(), decision })
    .register(answerSchemas, { id: "LookAlike" }),
).describe("other people this face is near to, nearest first, at most five; a warning, and no obstacle")

export const enrolmentAnswer = z
  .strictObject({
    face: enrolledFace,
    ignoredFaces: ignoredFaces.describe("faces of the picture that were left aside"),
    lookAlikes,
  })
  .register(answerSchemas, { id: "Enrolment" })

export const facesAnswer = z.strictObject({ items: list(enrolledFace), next }).register(answerSchemas, { id: "FacePage" })

export const impostorAnswer = z
  .strictObject({
    id: z.string(),
    subjectId: z.string().describe("who it is not"),
    space: z.string(),
    source: z.enum(impostorSources),
    createdAtMs: z.number(),
  })
  .register(answerSchemas, { id: "Impostor" })

export const impostorsAnswer = z
  .strictObject({ items: list(impostorAnswer), next })
  .register(answerSchemas, { id: "ImpostorPage" })

export const backupBegunAnswer = z.strictObject({ state: z.literal("running") }).register(answerSchemas, { id: "BackupBegun" })

export const backupsAnswer = z
  .strictObject({
    state: z.enum(["idle", "running"]),
    failure: z.string().optional().describe("why the last one could not be made; absent when it was"),
    items: list(
      z.strictObject({
        name: z.string(),
        number: z.int().describe("counts up; order goes by it"),
        bytes: z.int(),
        createdAtMs: z.int(),
      }),
    ).describe("newest first"),
  })
  .register(answerSchemas, { id: "Backups" })

export const claimedAnswer = z
  .strictObject({
    adminKey: z.string().describe("shown this once: the box keeps its hash alone"),
    recoveryKey: z.string().optional().describe("shown this once and kept nowhere"),
    recovery: z
      .enum(["made", "not_sealed", "held", "failed"])
      .describe("not_sealed: nothing to recover. held: there is one already. failed: gatehouse vault recovery tries again"),
  })
  .register(answerSchemas, { id: "Claimed" })

/** Printed from this very code, so its shape is the OpenAPI standard's affair. */
export const openApiAnswer = z.record(z.string(), z.unknown()).register(answerSchemas, { id: "OpenApi" })

export const errorAnswer = z
  .strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      requestId,
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .register(answerSchemas, { id: "Error" })
