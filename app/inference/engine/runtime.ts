import { unreachable } from "../../base/assert.ts"

/**
 * What the engine asks of ONNX Runtime, whichever way it is reached: `onnxruntime-node` brings its own library and computes on
 * the processor, `ort-ffi` speaks to a library that the box provides. Both are held to one suite of tests
 * (tests/inference/engine/conformance.test.ts).
 */

/** Values of each type in row-major order. `bool` is one byte for each value, 0 or 1. */
export interface ElementArrays {
  readonly float32: Float32Array
  readonly float64: Float64Array
  readonly int8: Int8Array
  readonly uint8: Uint8Array
  readonly int16: Int16Array
  readonly uint16: Uint16Array
  readonly int32: Int32Array
  readonly uint32: Uint32Array
  readonly int64: BigInt64Array
  readonly uint64: BigUint64Array
  readonly bool: Uint8Array
}
export type ElementType = keyof ElementArrays

/** What makes the array of each type. */
export const elementArrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies { [Type in ElementType]: new (length: number) => ElementArrays[Type] }

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementArrays, name)
}

/** The product of `shape` is the number of values; a tensor without sides is one value. */
export type Tensor = {
  [Type in ElementType]: { readonly type: Type; readonly data: ElementArrays[Type]; readonly shape: readonly number[] }
}[ElementType]

/** Where a network is to run. Options are the keys and values of the provider's own documentation, as the C API takes them. */
export type ProviderRequest =
  | { readonly name: "cpu" }
  | { readonly name: "tensorrt" | "cuda" | "cann"; readonly options: Readonly<Record<string, string>> }

export interface SessionOptions {
  /** Computing threads of this network. */
  readonly threads: number
  /** The processor where none is named. Nodes that the provider cannot run are left to the processor. */
  readonly provider?: ProviderRequest
  /** Whether threads wait by spinning, which takes the core from whoever else wants it; they do not where nothing is said. */
  readonly spinning?: boolean
  /**
   * Folder in which libraries older than 1.24 may leave a profile of the first runs, out of which `nodesByProvider` counts and
   * which it removes: whoever names one has to ask after the first run. Without a folder their nodes are not known.
   */
  readonly profileFolder?: string
}

/** A loaded network. One run at a time; a run blocks the process until it is done. */
export interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /**
   * Rejects with the runtime's own words where an input is missing, unknown, or of another type or shape than the network takes.
   * Inputs are only read, and only until the promise settles: their buffers can be used again. Outputs belong to the caller.
   */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
  /** How many of the network's nodes run on each provider, by its name in ONNX Runtime; `undefined` where nobody knows. */
  nodesByProvider(): ReadonlyMap<string, number> | undefined
  /** Gives the network's memory back. A second call does nothing. */
  close(): Promise<void>
}

export interface Runtime {
  readonly name: "onnxruntime-node" | "ort-ffi"
  /** Of the library: `1.27.0`. */
  readonly version: string
  /** Path of the library that the box provides. */
  readonly library?: string
  /** Compiled into the library, by ONNX Runtime's names, in its order. Whether one of them works is another question. */
  readonly providers: readonly string[]
  /**
   * Rejects with the runtime's own words when the bytes are no network that it can run, or the provider cannot be had.
   * @param bytes a whole ONNX file; it is never looked up again by a path
   */
  openSession(bytes: Uint8Array, options: SessionOptions): Promise<Session>
}

/** Which way to ONNX Runtime an engine takes. */
export type RuntimeChoice = { readonly adapter: "onnxruntime-node" } | { readonly adapter: "ort-ffi"; readonly library: string }

export type OpenedRuntime =
  | { readonly kind: "ok"; readonly runtime: Runtime }
  /** The library cannot be used. */
  | { readonly kind: "refused"; readonly why: string; readonly remedy: string }

/** Loads what was chosen and nothing else: two libraries of ONNX Runtime in one process would cost twice the memory. */
export async function openRuntime(choice: RuntimeChoice = { adapter: "onnxruntime-node" }): Promise<OpenedRuntime> {
  switch (choice.adapter) {
    case "onnxruntime-node": {
      const { openNodeRuntime } = await import("./onnxruntime-node.ts")
      return { kind: "ok", runtime: openNodeRuntime() }
    }
    case "ort-ffi": {
      const { openForeignRuntime } = await import("./ort-ffi/adapter.ts")
      return openForeignRuntime(choice.library)
    }
    default:
      return unreachable(choice)
  }
}

/** What an adapter knows of a network; `sessionOver` makes a session of it. */
export interface LoadedNetwork {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Is given each input once, with as many values as its shape says. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
  nodesByProvider(): ReadonlyMap<string, number> | undefined
  /** Called once at most. */
  release(): Promise<void>
}

/** Checks what is the same for both adapters before the runtime sees it, so that they refuse in the same words. */
export function sessionOver(network: LoadedNetwork): Session {
  const { inputNames, outputNames } = network
  let open = true
  return {
    inputNames,
    outputNames,
    async run(inputs) {
      if (!open) throw new Error("the network is closed")
      checkInputs(inputNames, inputs)
      return network.run(inputs)
    },
    nodesByProvider: () => network.nodesByProvider(),
    async close() {
      if (!open) return
      open = false
      await network.release()
    },
  }
}

export function valuesIn(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

/** Of an output whose values we do not know how to read. */
export function refusedOutput(name: string, type: string): Error {
  return new Error(`output ${name} holds ${type}, which no network of ours gives`)
}

function checkInputs(inputNames: readonly string[], inputs: Readonly<Record<string, Tensor>>): void {
  for (const name of inputNames) {
    const tensor = inputs[name]
    if (tensor === undefined) throw new Error(`input ${name} is missing; the network takes ${inputNames.join(", ")}`)
    const values = valuesIn(tensor.shape)
    if (tensor.data.length !== values) {
      throw new Error(
        `input ${name} holds ${tensor.data.length} values, and its shape [${tensor.shape.join(", ")}] says ${values}`,
      )
    }
  }
  for (const name of Object.keys(inputs)) {
    if (!inputNames.includes(name)) throw new Error(`the network has no input ${name}; it takes ${inputNames.join(", ")}`)
  }
}
