import type { Gallery } from "../gallery/gallery.ts"
import { type Decision, decide, type Thresholds } from "../gallery/match.ts"

/** Another person to whom a new face is near enough that a camera might take one for the other. */
export interface LookAlike {
  readonly subjectId: string
  readonly name: string
  /** Cosine of the two nearest faces. */
  readonly similarity: number
  readonly decision: Exclude<Decision, "unknown">
}

export interface LookAlikeNeeds {
  readonly lookAlikes: Gallery["lookAlikes"]
  readonly thresholds: Thresholds
}

/** As many as a person reads at a glance. */
const lookAlikesMax = 5

/** Whom a face of the gallery resembles at least uncertainly, nearest first: mostly the same person under a second name. */
export async function lookAlikesOf(faceId: string, needs: LookAlikeNeeds): Promise<readonly LookAlike[]> {
  const others = await needs.lookAlikes(faceId, lookAlikesMax)
  return others.flatMap(({ subjectId, name, similarity }) => {
    const decision = decide(similarity, needs.thresholds)
    return decision === "unknown" ? [] : [{ subjectId, name, similarity, decision }]
  })
}
