import type { Metrics } from "../base/metrics.ts"
import { elapsedMs, nowTickMs } from "../base/ticks.ts"
import type { Space } from "../face/embedding.ts"
import type { Asked, Judge, Judgement } from "./judge.ts"
import { type Named, type NameOptions, nameOf, type Search } from "./name.ts"
import { type GivenVector, readVector, type VectorRefusal } from "./vector.ts"

export interface SearchNeeds {
  readonly search: Search
  readonly space: Space
  readonly judge: Judge
  readonly metrics: Pick<Metrics, "stageSeconds" | "facesTotal">
}

export type Found =
  | (Named & { readonly kind: "searched"; readonly judgement: Judgement; readonly timingsMs: { readonly search: number } })
  | VectorRefusal

/** Whose vector this is. */
export async function searchVector(given: GivenVector, needs: SearchNeeds, options: NameOptions & Asked): Promise<Found> {
  const read = readVector(given, needs.space)
  if (read.kind !== "ok") return read
  const startTickMs = nowTickMs()
  const judgement = needs.judge(options)
  const named = await nameOf(read.embedding, { search: needs.search, thresholds: judgement }, options)
  const search = elapsedMs(startTickMs)
  needs.metrics.stageSeconds.observe({ stage: "search" }, search / 1000)
  needs.metrics.facesTotal.inc({ decision: named.decision })
  return { kind: "searched", ...named, judgement, timingsMs: { search } }
}
