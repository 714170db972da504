import type { Pointer } from "bun:ffi"
import type { ProviderRequest } from "../runtime.ts"
import type { Library } from "./library.ts"
import { cStrings } from "./memory.ts"

/** The functions of each provider, which work alike: make options, fill them, put the provider in front, let the options go. */
const functionsOf = {
  tensorrt: {
    create: "CreateTensorRTProviderOptions",
    update: "UpdateTensorRTProviderOptions",
    append: "SessionOptionsAppendExecutionProvider_TensorRT_V2",
    release: "ReleaseTensorRTProviderOptions",
  },
  cuda: {
    create: "CreateCUDAProviderOptions",
    update: "UpdateCUDAProviderOptions",
    append: "SessionOptionsAppendExecutionProvider_CUDA_V2",
    release: "ReleaseCUDAProviderOptions",
  },
  cann: {
    create: "CreateCANNProviderOptions",
    update: "UpdateCANNProviderOptions",
    append: "SessionOptionsAppendExecutionProvider_CANN",
    release: "ReleaseCANNProviderOptions",
  },
} as const

/**
 * Puts the provider in front of the processor, which takes what the provider leaves. Throws the library's own words when it has
 * no such provider, cannot load it, or does not know an option.
 * @param sessionOptions an OrtSessionOptions
 */
export function appendProvider(library: Library, sessionOptions: Pointer, request: ProviderRequest): void {
  if (request.name === "cpu") return
  const { call, must, take } = library
  const { create, update, append, release } = functionsOf[request.name]
  const entries = Object.entries(request.options)
  const options = take((out) => call[create](out))
  try {
    if (entries.length > 0) {
      const keys = cStrings(entries.map(([key]) => key))
      const values = cStrings(entries.map(([, value]) => value))
      must(call[update](options, keys, values, entries.length))
    }
    must(call[append](sessionOptions, options))
  } finally {
    call[release](options)
  }
}
