import { assert, unreachable } from "../../../base/assert.ts"
import type { DetectorManifest } from "../../manifest.ts"
import { type OpenModel, onlyNetwork } from "../model.ts"
import type { Detector } from "./detector.ts"
import { createMtcnn } from "./mtcnn.ts"
import { createUltraface } from "./ultraface.ts"
import { createYunet } from "./yunet.ts"

/** The detector that the manifest describes, on its networks. */
export function createDetector(model: OpenModel<DetectorManifest>): Detector {
  const { decode, input } = model.manifest
  switch (decode.kind) {
    case "yunet":
      return createYunet(onlyNetwork(model), input, decode)
    case "mtcnn": {
      const [proposal, refine, output] = model.networks
      assert(proposal && refine && output, "MTCNN is three files, in the order of their use")
      return createMtcnn({ proposal, refine, output }, input, decode)
    }
    case "ultraface": {
      const [boxes, landmarks] = model.networks
      assert(boxes && landmarks, "UltraFace is two files: boxes, and the landmarks in each")
      return createUltraface({ boxes, landmarks }, input, decode)
    }
    default:
      return unreachable(decode)
  }
}
