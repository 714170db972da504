import type { ProviderRequest } from "../engine/runtime.ts"
import type { AcceleratedPlan, InputShapes } from "./plan.ts"

/** What a provider is asked for, in the words of its own documentation (onnxruntime.ai/docs/execution-providers). */

export interface CompiledPlaces {
  /** Of the compiled engines of one model. */
  readonly engines: string
  /** Of what TensorRT has measured, which shortens the next compilation. */
  readonly timings: string
}

/**
 * @param shapes of the network, where they are known
 * @param places where compiled engines go, for TensorRT
 */
export function providerRequest(
  { provider, deviceId, tensorrt }: AcceleratedPlan,
  shapes: InputShapes,
  places: CompiledPlaces | undefined,
): ProviderRequest {
  const device_id = String(deviceId)
  switch (provider) {
    case "cpu":
      return { name: "cpu" }
    case "cuda":
      return {
        name: "cuda",
        // Grows as asked for, not by doubling: on a Jetson it is the memory of everybody. Convolutions are not tried out anew for
        // each of the ever new sizes of pictures, which takes seconds.
        options: { device_id, arena_extend_strategy: "kSameAsRequested", cudnn_conv_algo_search: "HEURISTIC" },
      }
    case "cann":
      return { name: "cann", options: { device_id, arena_extend_strategy: "kSameAsRequested", enable_cann_graph: "1" } }
    case "tensorrt":
      return {
        name: "tensorrt",
        options: {
          device_id,
          trt_max_workspace_size: String(tensorrt.workspaceBytes),
          trt_fp16_enable: tensorrt.fp16 ? "1" : "0",
          ...(places && {
            trt_engine_cache_enable: "1",
            trt_engine_cache_path: places.engines,
            trt_timing_cache_enable: "1",
            trt_timing_cache_path: places.timings,
          }),
          ...profiles(shapes),
        },
      }
  }
}

/** As `input:1x3x112x112`, several separated by commas. Without them TensorRT compiles anew for each new size, in the midst of a run. */
function profiles(shapes: InputShapes): Record<string, string> {
  const inputs = Object.entries(shapes)
  if (inputs.length === 0) return {}
  const listed = (which: "min" | "opt" | "max") => inputs.map(([name, of]) => `${name}:${of[which].join("x")}`).join(",")
  return {
    trt_profile_min_shapes: listed("min"),
    trt_profile_opt_shapes: listed("opt"),
    trt_profile_max_shapes: listed("max"),
  }
}
