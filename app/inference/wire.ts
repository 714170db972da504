import { z } from "zod"
import { modelSet } from "./manifest.ts"
import { placementReport, providerRefusal, runtimePlan } from "./providers/plan.ts"

/**
 * What parent and engine say to each other over their unix socket. One message is
 * `u32 headerBytes | u32 bodyBytes | header (JSON) | body`, little-endian; the body is a picture on the way down and what
 * `analysis-body.ts` says on the way up, so neither is ever copied into JSON. Headers of pictures and answers are flat, their
 * options a text that is nearly always that of the picture before, and their figures in the body: parser and checks that have
 * slept since the last picture took a fifth of a millisecond for the two of them.
 */

const point = z.tuple([z.number(), z.number()]).readonly()
const landmarks = z.tuple([point, point, point, point, point]).readonly()

export const analyzeOptions = z.strictObject({
  /** Smaller faces are not looked for. */
  faceWidthPxMin: z.number().positive(),
  /** At most so many faces, largest first. */
  facesMax: z.int().positive(),
  embed: z.enum(["none", "all", "largest"]),
  /** `small`: faces are looked for in a picture of half the size, which takes about a third of the time and misses small ones. */
  detectorInput: z.enum(["full", "small"]).optional(),
  /** A JPEG of the whole frame, no longer than this on its longest side, when a face is found. */
  snapshot: z.strictObject({ longestSidePx: z.int().positive(), quality: z.int().min(1).max(100) }).optional(),
  /** A JPEG of each embedded face: its box widened to twice its size, longest side at most 256 px. */
  chips: z.boolean().optional(),
  /** The picture is a chip, and the features of its one face lie here: none is looked for. */
  at: z.strictObject({ landmarks, detected: landmarks.optional() }).optional(),
})
export type AnalyzeOptions = z.output<typeof analyzeOptions>

/** Reads options as they travel. The same text again, as most pictures have it, is not taken apart again. Throws what zod says. */
export function createOptionsReader(): (text: string) => AnalyzeOptions {
  let last: { readonly text: string; readonly options: AnalyzeOptions } | undefined
  return (text) => {
    if (last?.text !== text) last = { text, options: analyzeOptions.parse(JSON.parse(text)) }
    return last.options
  }
}

export const toEngine = z.discriminatedUnion("kind", [
  /** The first message: which models to serve, and on what. */
  z.strictObject({
    kind: z.literal("open"),
    set: modelSet,
    threads: z.int().positive(),
    spinning: z.boolean(),
    runtime: runtimePlan,
  }),
  z.strictObject({
    kind: z.literal("analyze"),
    id: z.number(),
    /** `AnalyzeOptions` in JSON. */
    options: z.string(),
    traceparent: z.string().optional(),
    /** Another picture follows at once, and the faces of all of them are embedded together. */
    more: z.boolean().optional(),
  }),
  /** To be asked of an accelerator that has had nothing to do: does it still answer as it should? */
  z.strictObject({ kind: z.literal("verify"), id: z.int() }),
  z.strictObject({ kind: z.literal("ping"), id: z.int() }),
])
export type ToEngine = z.output<typeof toEngine>

const wireChip = z.strictObject({
  /** Index of its face. */
  face: z.int().nonnegative(),
  bytes: z.int().positive(),
  size: z.strictObject({ width: z.int().positive(), height: z.int().positive() }),
  landmarks,
  detected: landmarks.optional(),
})
export type WireChip = z.output<typeof wireChip>

/** Which process did it, when it began (wall time), and how long it took altogether: stages, extras and what lies between. */
export interface EngineRun {
  readonly pid: number
  readonly startedAtMs: number
  readonly tookMs: number
  /** Of that, making the snapshot and the chips that were asked for. */
  readonly snapshotMs?: number | undefined
}

/** `load`: a model is read and put on the accelerator. `compile`: for the first time, which can take minutes. `check`: it is asked known answers. */
export const preparationStages = ["load", "compile", "check"] as const
export type PreparationStage = (typeof preparationStages)[number]

/** Of a provider: its run failed, or its answer is none. */
export const providerFaults = ["error", "wrong"] as const

/** Why a picture was not analysed. The codes are those of the HTTP answers. */
export const pictureRefusals = ["unsupported_media_type", "image_too_large", "bad_image"] as const
export type PictureRefusal = (typeof pictureRefusals)[number]

export interface StageTimings {
  readonly decode: number
  readonly detect: number
  readonly align: number
  readonly embed: number
}

export const runtimeSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  provider: z.string(),
  threads: z.int(),
})
export const loadedModelSchema = z.strictObject({
  role: z.string(),
  name: z.string(),
  version: z.string(),
  loadMs: z.number(),
  warmMs: z.number(),
  /** The largest error of its known answers, as a share of the largest value. */
  goldenError: z.number(),
  placement: placementReport,
})

export const fromEngine = z.discriminatedUnion("kind", [
  /** On the way to `ready`, on an accelerator: what it is about next. */
  z.strictObject({ kind: z.literal("progress"), stage: z.enum(preparationStages), model: z.string() }),
  z.strictObject({
    kind: z.literal("ready"),
    pid: z.int(),
    runtime: runtimeSchema,
    models: z.array(loadedModelSchema),
    /** Why a model runs on something lesser than the plan said. */
    refusals: z.array(providerRefusal),
    residentBytes: z.number(),
  }),
  /**
   * The engine cannot serve: a file is missing or wrong, or a known answer came out differently. It exits after this. `refusals` say
   * what is wrong with the provider of its plan, where that is the cause: another plan may do.
   */
  z.strictObject({ kind: z.literal("unfit"), why: z.string(), refusals: z.array(providerRefusal) }),
  /** It does; else it has `failed`. */
  z.strictObject({ kind: z.literal("verified"), id: z.int() }),
  z.strictObject({ kind: z.literal("pong"), id: z.int(), residentBytes: z.number() }),
  z.strictObject({
    kind: z.literal("analysis"),
    id: z.number(),
    /** How many there are in the body. */
    faces: z.number(),
    /** Those of them that have one, in their order; the chips themselves are in the body. */
    chips: z.array(wireChip).optional(),
    /** Length of the picture of the whole frame in the body. */
    snapshotBytes: z.int().positive().optional(),
    snapshotMs: z.number().optional(),
  }),
  z.strictObject({ kind: z.literal("refused"), id: z.int(), reason: z.enum(pictureRefusals), why: z.string() }),
  /** A bug, or a failing provider where `fault` is said: this picture got no answer. */
  z.strictObject({ kind: z.literal("failed"), id: z.int(), why: z.string(), fault: z.enum(providerFaults).optional() }),
])
export type FromEngine = z.output<typeof fromEngine>

/**
 * As the schema reads it; but the plainest form of the message that comes with every picture is told by hand. A check of zod's
 * that has slept since the last picture takes 50 µs for it.
 */
export function readToEngine(header: unknown): ToEngine {
  return isPlain(header, "analyze") && typeof header.options === "string" && typeof header.traceparent === "string"
    ? (header as ToEngine)
    : toEngine.parse(header)
}

/** As `readToEngine`, for the answers. */
export function readFromEngine(header: unknown): FromEngine {
  return isPlain(header, "analysis") && typeof header.faces === "number" ? (header as FromEngine) : fromEngine.parse(header)
}

const plainFields = { analyze: 4, analysis: 3 } as const

function isPlain(header: unknown, kind: keyof typeof plainFields): header is Record<string, unknown> {
  if (typeof header !== "object" || header === null) return false
  const fields = header as Record<string, unknown>
  return fields.kind === kind && typeof fields.id === "number" && Object.keys(fields).length === plainFields[kind]
}

/** A header is small JSON; a body is at most one picture. More than this is a broken stream, not a message. */
const headerBytesMax = 4 * 1024 * 1024
const bodyBytesMax = 64 * 1024 * 1024

/** The prefix and header of one message; the body follows as it is, uncopied. */
export function encodeHead(header: ToEngine | FromEngine, bodyBytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const head = Buffer.allocUnsafe(8 + json.length)
  head.writeUInt32LE(json.length, 0)
  head.writeUInt32LE(bodyBytes, 4)
  json.copy(head, 8)
  return head
}

const prefixBytes = 8

/**
 * Cuts a byte stream into messages. `push` may be given any cut of the stream; `receive` is called once for each whole message
 * with a body that belongs to the receiver. What arrived in one piece is not copied: `push` keeps the piece. Throws when the
 * stream is not ours.
 */
export function createDecoder<Header>(read: (header: unknown) => Header, receive: (header: Header, body: Uint8Array) => void) {
  let header: Header | undefined
  let next: "prefix" | "header" | "body" = "prefix"
  let wantedBytes = prefixBytes
  let bodyBytes = 0
  /** The next part, as far as it is there, when it arrives in pieces. */
  let gathered: Buffer | undefined
  let gatheredBytes = 0

  function expectPart(part: typeof next, bytes: number) {
    next = part
    wantedBytes = bytes
  }

  function finish(part: Buffer) {
    switch (next) {
      case "prefix": {
        const headerBytes = part.readUInt32LE(0)
        bodyBytes = part.readUInt32LE(4)
        if (headerBytes > headerBytesMax || bodyBytes > bodyBytesMax)
          throw new Error(`message of ${headerBytes} + ${bodyBytes} bytes: not our stream`)
        return expectPart("header", headerBytes)
      }
      case "header":
        header = read(JSON.parse(part.toString("utf8")))
        return expectPart("body", bodyBytes)
      case "body": {
        const whole = header as Header
        header = undefined
        expectPart("prefix", prefixBytes)
        return receive(whole, part)
      }
    }
  }

  return {
    push(chunk: Uint8Array) {
      const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      let offset = 0
      // A part of no bytes is there as soon as it is expected.
      while (offset < piece.length || wantedBytes === 0) {
        if (gathered === undefined && piece.length - offset >= wantedBytes) {
          offset += wantedBytes
          finish(piece.subarray(offset - wantedBytes, offset))
          continue
        }
        gathered ??= Buffer.allocUnsafe(wantedBytes)
        const taken = piece.copy(gathered, gatheredBytes, offset, offset + wantedBytes - gatheredBytes)
        offset += taken
        gatheredBytes += taken
        if (gatheredBytes < wantedBytes) return
        const whole = gathered
        gathered = undefined
        gatheredBytes = 0
        finish(whole)
      }
    },
  }
}
