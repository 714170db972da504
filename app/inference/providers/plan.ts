import { z } from "zod"

/** What an engine is told to run its networks with, and what it says of how that went. Travels between parent and engine. */

/** Best first, as `auto` tries them. */
export const accelerators = ["tensorrt", "cuda", "cann"] as const
export const providerNames = [...accelerators, "cpu"] as const

/** Computes beside the processor, and comes with a library that the machine provides. */
export type Accelerator = (typeof accelerators)[number]
export type ProviderName = (typeof providerNames)[number]

const shape = z.array(z.int().positive()).min(1).readonly()

/** The sizes one input of a network comes in: TensorRT builds for all of `min` to `max`, and best for `opt`. */
export const shapeProfile = z.strictObject({ min: shape, opt: shape, max: shape })
export type ShapeProfile = z.output<typeof shapeProfile>

/** Name of a network's input → its sizes. */
export const inputShapes = z.record(z.string(), shapeProfile)
export type InputShapes = Readonly<z.output<typeof inputShapes>>

/** Versions that a compiled TensorRT engine is bound to; absent where the machine does not tell. */
export const machineVersions = z.strictObject({
  /** Of the library that was probed, as it says itself. */
  runtime: z.string(),
  tensorrt: z.string().optional(),
  cuda: z.string().optional(),
  /** As `8.7`. */
  computeCapability: z.string().optional(),
  /** Linux for Tegra, on a Jetson, as `R36.4.3`. */
  l4t: z.string().optional(),
  /** Of Ascend's toolkit. */
  cann: z.string().optional(),
})
export type MachineVersions = z.output<typeof machineVersions>

export const tensorrtPlan = z.strictObject({
  fp16: z.boolean(),
  workspaceBytes: z.int().positive(),
  /** `file` of a model, as its manifest names it → sizes that go before those of the manifest. */
  shapes: z.record(z.string(), inputShapes),
})

/** How an engine runs its networks. */
export const runtimePlan = z.discriminatedUnion("adapter", [
  /** On the processor, with the library that comes along. Always possible. */
  z.strictObject({ adapter: z.literal("onnxruntime-node") }),
  /** With a library of the machine. A network that cannot go to `provider` runs on the library's CPU provider instead. */
  z.strictObject({
    adapter: z.literal("ort-ffi"),
    /** Absolute path. */
    library: z.string(),
    provider: z.enum(providerNames),
    /** An engine in which a model cannot go there is unfit: better no answer than a slow one. */
    required: z.boolean(),
    deviceId: z.int().min(0),
    /** Absolute path of the folder of compiled engines. */
    cacheFolder: z.string(),
    versions: machineVersions,
    tensorrt: tensorrtPlan,
  }),
])
export type RuntimePlan = z.output<typeof runtimePlan>
export type AcceleratedPlan = Extract<RuntimePlan, { adapter: "ort-ffi" }>

/** The plan that always works. */
export const cpuPlan: RuntimePlan = { adapter: "onnxruntime-node" }

/** Why something better is not used, in words for a person, and what to do about it. */
export const providerRefusal = z.strictObject({
  provider: z.enum(providerNames),
  why: z.string(),
  remedy: z.string(),
  /** There is nothing of the kind on this machine, and nothing wrong with that. */
  absent: z.boolean().optional(),
})
export type ProviderRefusal = z.output<typeof providerRefusal>

/** How one model runs. */
export const placementReport = z.strictObject({
  requested: z.enum(providerNames),
  active: z.enum(providerNames),
  /** Nodes of all its networks by the provider that runs them; absent where the library does not tell. */
  nodes: z.record(z.string(), z.int()).optional(),
  /** Path of the library, or the name of the package. */
  library: z.string(),
  libraryVersion: z.string(),
  /** Of compiled engines: found, made just now, or not a thing of this provider. */
  cache: z.enum(["hit", "built", "none"]),
  /** The first run of all its networks. What TensorRT compiles it compiles before, at loading. */
  warmMs: z.number(),
  /**
   * The known-answer test: least cosine of an output and the same output on the processor; 1 where it runs there itself and gave the
   * manifest's known answers.
   */
  score: z.number(),
  /** Of a detector: least overlap (intersection over union) of a face's box and the same on the processor. */
  overlap: z.number().optional(),
})
export type PlacementReport = z.output<typeof placementReport>
