import type { OpenedRuntime } from "../runtime.ts"
import { loadLibrary } from "./library.ts"
import { openForeignSession } from "./session.ts"
import { createValues } from "./values.ts"

/**
 * ONNX Runtime of the box: its C API, spoken through bun:ffi. A run blocks the process until it is done, as it does with
 * onnxruntime-node.
 * @param path of a libonnxruntime.so; see `loadLibrary`
 */
export function openForeignRuntime(path: string): OpenedRuntime {
  const loaded = loadLibrary(path)
  if (loaded.kind === "refused") return loaded
  const { library } = loaded
  const values = createValues(library)
  return {
    kind: "ok",
    runtime: {
      name: "ort-ffi",
      version: library.version,
      library: library.path,
      providers: library.providers,
      async openSession(bytes, options) {
        return openForeignSession(library, values, bytes, options)
      },
    },
  }
}
