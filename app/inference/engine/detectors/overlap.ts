import type { Box } from "../../../face/geometry.ts"

export interface Scored {
  readonly box: Box
  readonly score: number
}

/** A picture of nothing but faces has about this many; a hostile one could have a hundred thousand and hold the engine. */
const candidatesMax = 1500

/** All, or as many of the best as suppression takes in a reasonable time. */
export function best<Found extends Scored>(found: readonly Found[]): readonly Found[] {
  if (found.length <= candidatesMax) return found
  return found.toSorted((a, b) => b.score - a.score).slice(0, candidatesMax)
}

/**
 * Greedy suppression: of boxes that overlap by more than `overlapMax` the best stays. Best first in the answer.
 * @param measure `union`: shared area by the area of both together; `smaller`: by the smaller of the two, which also drops a
 *   box inside another
 */
export function suppress<Found extends Scored>(
  found: readonly Found[],
  overlapMax: number,
  measure: "union" | "smaller",
): Found[] {
  const kept: Found[] = []
  for (const candidate of found.toSorted((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlapOf(better.box, candidate.box, measure) <= overlapMax)) kept.push(candidate)
  }
  return kept
}

/** Share of two boxes that is of both; see `suppress` for the measures. */
export function overlapOf(a: Box, b: Box, measure: "union" | "smaller"): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  if (width <= 0 || height <= 0) return 0
  const shared = width * height
  const [areaA, areaB] = [a.width * a.height, b.width * b.height]
  return shared / (measure === "union" ? areaA + areaB - shared : Math.min(areaA, areaB))
}
