import type { AcceleratorPlan } from "../../../app/inference/providers/choose.ts"

/** A plan as `chooseProviders` makes it of a stand-in library. */
export function acceleratedPlan(library: string, cacheFolder: string, changes: Partial<AcceleratorPlan> = {}): AcceleratorPlan {
  return {
    adapter: "ort-ffi",
    library,
    provider: "tensorrt",
    required: false,
    deviceId: 0,
    cacheFolder,
    versions: { runtime: "1.27.0", tensorrt: "10.3.0", cuda: "12.6", computeCapability: "8.7", l4t: "R36.4.3" },
    tensorrt: { fp16: true, workspaceBytes: 1024 ** 3, shapes: {} },
    ...changes,
  }
}
