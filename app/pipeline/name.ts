import type { Embedding } from "../face/embedding.ts"
import type { Candidate, Gallery } from "../gallery/gallery.ts"
import { type Decision, decide, type Thresholds } from "../gallery/match.ts"

export type Search = Gallery["search"]

/** What the gallery says of one embedding. */
export interface Named {
  readonly decision: Decision
  /** Only when the decision is `match`. For `uncertain` the first candidate is who it may be. */
  readonly match?: Candidate
  /** The nearest subjects whatever the decision, best first, but for those who are ruled out: they come last. */
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
  { candidates: count, group }: NameOptions,
): Promise<Named> {
  const find = async (wanted: number) => {
    const found = await needs.search(embedding.space, embedding.vector, wanted, group)
    return [
      ...found.filter((one) => !isRuledOut(one, needs.thresholds)),
      ...found.filter((one) => isRuledOut(one, needs.thresholds)),
    ]
  }
  let ordered = await find(count)
  // Whoever stands behind those who are ruled out may be the one.
  if (ordered.length === count && ordered.every((one) => isRuledOut(one, needs.thresholds)))
    ordered = await find(count + lookedBehind)
  const candidates = ordered.slice(0, count)
  const nearest = candidates[0]
  const decision = decideFor(nearest, needs.thresholds)
  return decision === "match" && nearest !== undefined ? { decision, match: nearest, candidates } : { decision, candidates }
}

const lookedBehind = 5

/** Somebody said of a face like this one that it is another person's, and it comes nearer to that one than to the subject. */
function isRuledOut({ similarity, impostorSimilarity = -1 }: Candidate, { match }: Thresholds): boolean {
  return impostorSimilarity >= match && impostorSimilarity >= similarity
}

function decideFor(nearest: Candidate | undefined, thresholds: Thresholds): Decision {
  if (nearest === undefined || isRuledOut(nearest, thresholds)) return "unknown"
  const decision = decide(nearest.similarity, thresholds)
  const { similarity, impostorSimilarity = -1 } = nearest
  // As good as equally near to both: half the way between the thresholds is more than two pictures of one moment differ.
  const isClose =
    impostorSimilarity >= thresholds.match && similarity - impostorSimilarity < (thresholds.match - thresholds.uncertain) / 2
  return decision === "match" && isClose ? "uncertain" : decision
}
