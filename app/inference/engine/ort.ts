import { withLeakyRelus } from "./graph.ts"
import { openRuntime, type Runtime, type SessionOptions } from "./runtime.ts"
import type { Tensor } from "./tensor.ts"

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
  /** How many of its nodes run on each provider, by its name in ONNX Runtime; `undefined` where nobody knows. */
  nodesByProvider(): ReadonlyMap<string, number> | undefined
  close(): Promise<void>
}

export interface NetworkOptions extends SessionOptions {
  /** What runs it: onnxruntime-node where none is given. */
  readonly runtime?: Runtime
  /** Without rewriting it into the equal network that runs faster, for comparisons. */
  readonly asPublished?: boolean
}

/**
 * Throws when the bytes are no network that the runtime can run.
 * @param bytes a whole ONNX file; it is never looked up again by a path
 */
export async function openNetwork(bytes: Uint8Array, options: NetworkOptions): Promise<Network> {
  const { runtime = await packagedRuntime(), asPublished, ...sessionOptions } = options
  const session = await runtime.openSession(asPublished === true ? bytes : withLeakyRelus(bytes), sessionOptions)
  const { outputNames } = session
  const [inputName, ...more] = session.inputNames
  if (inputName === undefined || more.length > 0) {
    await session.close()
    throw new Error(`a network with ${session.inputNames.length} inputs; ours take one`)
  }

  return {
    outputNames,
    async run({ data, shape }) {
      const outputs = await session.run({ [inputName]: { type: "float32", data, shape } })
      for (const name of outputNames) mustBeFloats(name, outputs[name])
      return outputs as Readonly<Record<string, FloatTensor>>
    },
    nodesByProvider: () => session.nodesByProvider(),
    close: () => session.close(),
  }
}

async function packagedRuntime(): Promise<Runtime> {
  const opened = await openRuntime()
  if (opened.kind === "refused") throw new Error(opened.why)
  return opened.runtime
}

function mustBeFloats(name: string, tensor: Tensor | undefined): void {
  if (tensor?.type !== "float32") throw new Error(`output ${name} holds ${tensor?.type ?? "nothing"}; float32 was expected`)
}
