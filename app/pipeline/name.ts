import type { Embedding, Space } from "../face/embedding.ts"
import type { Candidate } from "../gallery/gallery.ts"
import { type Decision, decide, type Thresholds } from "../gallery/match.ts"

export type Search = (space: Space, vector: Float32Array, count: number, group?: string) => Promise<readonly Candidate[]>

/** What the gallery says of one embedding. */
export interface Named {
  readonly decision: Decision
  /** Only when the decision is `match`. For `uncertain` the first candidate is who it may be. */
  readonly match?: Candidate
  /** The nearest subjects whatever the decision, best first. */
  readonly candidates: readonly Candidate[]
}

export interface NameOptions {
  readonly candidates: number
  /** Only its members are looked for. */
  readonly group?: string | undefined
}

export async function nameOf(
  embedding: Embedding,
  needs: { readonly search: Search; readonly thresholds: Thresholds },
  options: NameOptions,
): Promise<Named> {
  const candidates = await needs.search(embedding.space, embedding.vector, options.candidates, options.group)
  const nearest = candidates[0]
  const decision = decide(nearest?.similarity, needs.thresholds)
  return decision === "match" && nearest !== undefined ? { decision, match: nearest, candidates } : { decision, candidates }
}
