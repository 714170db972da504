import type { Space } from "../face/embedding.ts"
import type { LocatedModel, ModelManifest, ModelSet } from "../inference/manifest.ts"

/** Which models an answer came from, `name/version` as in `models/<role>/<name>/<version>`. */
export interface ServedModels {
  readonly detector: string
  readonly embedder: string
  readonly space: Space
}

export function servedModels(set: ModelSet): ServedModels {
  return { detector: nameOf(set.detector), embedder: set.embedding.name, space: set.embedding.space }
}

function nameOf({ manifest }: LocatedModel<ModelManifest>): string {
  return `${manifest.name}/${manifest.version}`
}
