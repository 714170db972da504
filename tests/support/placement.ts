import type { PlacementStatus } from "../../app/inference/placement/placement.ts"
import type { PlacementReport } from "../../app/inference/providers/plan.ts"

/** What an engine says of a model that runs where all can. */
export const onProcessor: PlacementReport = {
  requested: "cpu",
  active: "cpu",
  library: "onnxruntime-node",
  libraryVersion: "1.27.0",
  cache: "none",
  warmMs: 20,
  score: 1,
}

/** What a pool says whose engines run where the kernel sees fit. */
export const placedAnywhere: PlacementStatus = { affinity: "none", cpus: "0-1", cores: 2, numaNodes: 1, notes: [] }
