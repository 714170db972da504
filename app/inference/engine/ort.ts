import { env, InferenceSession, Tensor } from "onnxruntime-node"
import { withLeakyRelus } from "./graph.ts"

/** Float values with their sizes; the product of `shape` is the number of values. */
export interface FloatTensor {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** A loaded network. All of ours take one picture tensor. */
export interface Network {
  readonly outputNames: readonly string[]
  /** The input is only read, and only until the promise settles: its buffer can be used again. */
  run(input: FloatTensor): Promise<Readonly<Record<string, FloatTensor>>>
  close(): Promise<void>
}

/** What runs the networks. */
export const runtime = { name: "onnxruntime-node", version: env.versions.node ?? env.versions.common, provider: "cpu" } as const

/**
 * Throws when the bytes are no network that this runtime can run.
 * @param bytes a whole ONNX file; it is never looked up again by a path
 * @param options.asPublished without rewriting it into the equal network that runs faster, for comparisons
 */
export async function openNetwork(
  bytes: Uint8Array,
  options: { readonly threads: number; readonly asPublished?: boolean },
): Promise<Network> {
  const session = await InferenceSession.create(options.asPublished === true ? bytes : withLeakyRelus(bytes), {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    // Frames, pyramid levels and batches come in ever new shapes, and the runtime would keep a plan for each one it saw.
    enableMemPattern: false,
    logSeverityLevel: 3,
    // Threads that wait by spinning take the core from the engine next door.
    extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
  })
  const { outputNames } = session
  const [inputName, ...more] = session.inputNames
  if (inputName === undefined || more.length > 0) {
    await session.release()
    throw new Error(`a network with ${session.inputNames.length} inputs; ours take one`)
  }

  return {
    outputNames,
    async run({ data, shape }) {
      const results = await session.run({ [inputName]: new Tensor("float32", data, shape) })
      return Object.fromEntries(outputNames.map((name) => [name, toFloats(name, results[name])]))
    },
    close: () => session.release(),
  }
}

function toFloats(name: string, tensor: Tensor | undefined): FloatTensor {
  if (tensor?.data instanceof Float32Array) return { data: tensor.data, shape: tensor.dims }
  throw new Error(`output ${name} holds ${tensor?.type ?? "nothing"}; float32 was expected`)
}
