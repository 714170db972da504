import { z } from "zod"
import { accelerators, inputShapes, providerNames } from "./providers/plan.ts"

const engineCount = z.int().min(1).max(64)

/** Answers that are kept for a while, in case the same picture comes again. */
const cacheOptions = z.strictObject({
  enabled: z.boolean().default(true),
  /** How long an answer is given again. */
  ttlMs: z.int().min(1).max(3_600_000).default(10_000),
  entriesMax: z.int().min(1).max(100_000).default(256),
  /** Memory for all of them, as reckoned from vectors and pictures. */
  bytesMax: z
    .int()
    .min(100_000)
    .default(32 * 1024 * 1024),
  /** Also for frames that name their camera. */
  cameraFrames: z.boolean().default(false),
})
export type CacheOptions = z.output<typeof cacheOptions>

/** How TensorRT compiles networks. */
const tensorrtOptions = z.strictObject({
  /** Half precision: twice as fast and more on every board that has TensorRT. */
  fp16: z.boolean().default(true),
  /** Memory that it may try things out in, while it compiles. */
  workspaceBytes: z
    .int()
    .min(16 * 1024 * 1024)
    .default(1024 ** 3),
  /** Where compiled engines are kept; null: `compiled` in the program's cache folder. */
  cacheFolder: z.string().min(1).nullable().default(null),
  /** File of a model → its input → sizes, in place of those in the manifest. What is larger or smaller goes to the processor. */
  shapes: z.record(z.string(), inputShapes).default({}),
})

/** What the inference folder can be told. */
export const inferenceOptions = z
  .strictObject({
    /**
     * Engine processes. `auto` begins with `enginesMin`, adds one when work keeps waiting and gives up those that are not needed,
     * within the machine's cores and memory. More engines beat more threads on small models.
     */
    engines: z.union([z.literal("auto"), engineCount]).default("auto"),
    /** `auto` never has fewer: with two, one answers while the other is started again. Not more than there are cores. */
    enginesMin: engineCount.default(2),
    /** `auto` never has more, however many cores there are. */
    enginesMax: engineCount.default(4),
    /** Work that keeps waiting this long for an engine asks `auto` for another one. */
    growWaitMs: z.int().min(1).default(100),
    /** An engine that `auto` has not needed for so long is given up. */
    engineIdleMs: z.int().min(1000).default(300_000),
    threadsPerEngine: z.int().min(1).max(64).default(1),
    /**
     * Where engines run. `none`: where the kernel sees fit. `cores`: each has cores of its own. `numa`: each has one NUMA node, its
     * cores and its memory. What the machine has no cores for is refused at the start; what the kernel does not allow is said.
     */
    affinity: z.enum(["none", "cores", "numa"]).default("none"),
    /** What networks run on. `auto`: the first of TensorRT, CUDA, CANN that the machine has and that gives right answers. */
    provider: z.enum(["auto", ...providerNames]).default("auto"),
    /** The box does not start without it: better no answer than a slow one. */
    require: z.enum(["none", ...accelerators]).default("none"),
    /** The board's libonnxruntime.so, or its folder; null: looked for in /opt/gatehouse/ort and the system's folders. */
    ortLibrary: z.string().min(1).nullable().default(null),
    /** Which of several accelerators. */
    deviceId: z.int().min(0).max(63).default(0),
    tensorrt: tensorrtOptions.prefault({}),
    /** `auto` takes the best set whose files are all there (`models/sets.json`). */
    modelSet: z.string().min(1).default("auto"),
    /**
     * Frames that may wait for an engine, half of them in the background; the next one is refused at once. Under lasting overload
     * half as many as there are engines, so that whoever is let in is answered as fast as ever.
     */
    waitingMax: z.int().min(1).max(10_000).default(64),
    cache: cacheOptions.prefault({}),
    /** A run longer than this is stuck: its engine is killed. Long enough for the largest picture on a slow core. */
    stuckRunMs: z.int().min(1000).default(9000),
    /** A run that has used no processor time for so long hangs, and nobody need wait for the rest of `stuckRunMs`. */
    idleRunMs: z.int().min(1000).default(5000),
    /** An idle engine answers a ping within this time or is killed. */
    pongLateMs: z.int().min(200).default(4000),
    pingEveryMs: z.int().min(50).default(1000),
    /** Loading, warming and the known-answer test together. */
    startMs: z.int().min(1000).default(60_000),
    /** A run on an accelerator longer than this hangs: the picture is given to the processor, which must answer within 5 s. */
    acceleratedRunMs: z.int().min(500).default(3000),
    /** So many pictures that wait go to an accelerator together, and their faces are embedded in one run. The processor takes one. */
    batchSizeMax: z.int().min(1).max(32).default(8),
    /** How long an accelerator that has nothing to do waits for a second picture. The processor never waits. */
    batchWaitMs: z.int().min(0).max(100).default(2),
    /** Compiling one model for an accelerator (TensorRT), while the processor serves. Others measured ten minutes. */
    compileMs: z.int().min(1000).default(1_800_000),
  })
  .refine((options) => options.enginesMin <= options.enginesMax, {
    message: "enginesMin is at most enginesMax",
    path: ["enginesMin"],
  })
  .refine(({ provider, require }) => require === "none" || provider === "auto" || provider === require, {
    message: "what is required is what provider names, or provider is auto",
    path: ["require"],
  })
export type InferenceOptions = z.output<typeof inferenceOptions>
