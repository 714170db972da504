import { unreachable } from "../../base/assert.ts"
import { refuseExternalData } from "./session.ts"
import type { Tensor } from "./tensor.ts"

/**
 * What the engine asks of ONNX Runtime, whichever way it is reached: `onnxruntime-node` brings its own library and computes on
 * the processor, `ort-ffi` speaks to a library that the box provides. Both are held to one suite of tests
 * (tests/inference/engine/conformance.test.ts).
 */

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
   * Rejects with the runtime's own words when the bytes are no network that it can run, or the provider cannot be had; and where
   * weights lie in a file of their own.
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
      return { kind: "ok", runtime: careful(openNodeRuntime()) }
    }
    case "ort-ffi": {
      const { openForeignRuntime } = await import("./ort-ffi/adapter.ts")
      const opened = openForeignRuntime(choice.library)
      return opened.kind === "ok" ? { kind: "ok", runtime: careful(opened.runtime) } : opened
    }
    default:
      return unreachable(choice)
  }
}

/** The adapters do not look into the bytes. */
function careful(runtime: Runtime): Runtime {
  return {
    ...runtime,
    async openSession(bytes, options) {
      refuseExternalData(bytes)
      return runtime.openSession(bytes, options)
    },
  }
}
