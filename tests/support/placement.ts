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
