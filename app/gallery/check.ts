import { type Space, spaceDimension } from "../face/embedding.ts"
import { type Faces, toVector } from "./faces.ts"
import type { SnapshotState, SpaceIndex } from "./index.ts"
import type { NumberedSpace, Vectors } from "./vectors.ts"

/** What a look at all vectors of a space and at its index came to. */
export interface IndexCheck {
  readonly space: Space
  readonly faces: number
  /** Stored vectors that do not open, are of a wrong length, or not of length one. The log names those that do not open. */
  readonly damaged: number
  /** Faces that were searched for by their own vector, spread over all. */
  readonly asked: number
  /** How many of them the index did not find. */
  readonly missed: number
  readonly snapshot: SnapshotState
}

const pageFaces = 1000
/** Enough to notice an index that lacks a hundredth of its faces. */
const askedMax = 500
/** Its own vector is as near as can be, but for rounding. */
const ownSimilarityMin = 0.9999

export async function checkIndex(
  faces: Pick<Faces, "spaces">,
  vectors: Pick<Vectors, "checkedAfter">,
  index: SpaceIndex,
  numbered: NumberedSpace,
): Promise<IndexCheck> {
  const { space } = numbered
  const bytes = spaceDimension(space) * 4
  const total = faces.spaces().find((count) => count.space === space)?.faces ?? 0
  const every = Math.max(1, Math.floor(total / askedMax))
  let [seen, damaged, asked, missed, number] = [0, 0, 0, 0, 0]
  for (;;) {
    const page = vectors.checkedAfter(numbered, number, pageFaces)
    number = page.at(-1)?.number ?? number
    if (page.length === 0) return { space, faces: seen, damaged, asked, missed, snapshot: index.snapshot() }
    for (const { vector } of page) {
      if (vector?.length !== bytes || Math.abs(lengthOf(toVector(vector)) - 1) >= 1e-3) damaged++
      else if (seen % every === 0) {
        asked++
        const found = await index.search(toVector(vector), 1)
        // Another face may have the very same vector, so the name does not count.
        if (found !== undefined && (found.similarities[0] ?? 0) < ownSimilarityMin) missed++
      }
      seen++
    }
  }
}

function lengthOf(vector: Float32Array): number {
  return Math.hypot(...vector)
}
