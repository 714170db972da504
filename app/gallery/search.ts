import { assert } from "../base/assert.ts"
import { type Space, similarity, spaceDimension, toUnit } from "../face/embedding.ts"
import { type Faces, toVector } from "./faces.ts"
import type { Candidate } from "./gallery.ts"
import type { SpaceIndex } from "./index.ts"
import { createBest, dotAt } from "./scan.ts"
import { isValidAt } from "./subject-details.ts"
import type { Neighbours } from "./vector-index.ts"

/** How many faces are asked for each wanted subject at first: people have a few photographs each. */
const facesPerSubject = 4
const askedMin = 32
const widening = 4
/** 1,000 × 256 floats are compared in 1 ms or so, and then the event loop gets its turn. */
const pageFaces = 1000

export interface SearchNeeds {
  readonly wallClockMs: () => number
  readonly faces: Faces
  readonly indexOf: (space: Space, spaceNumber: number) => SpaceIndex
}

/** The index proposes, the table decides: every candidate is read there again, exists at that moment and is compared exactly. */
export async function searchSubjects(
  needs: SearchNeeds,
  space: Space,
  vector: Float32Array,
  count: number,
): Promise<readonly Candidate[]> {
  assert(vector.length === spaceDimension(space), "the asked vector has the length of its space")
  assert(Number.isInteger(count) && count >= 1, "at least one candidate is asked for")
  const unit = toUnit(vector)
  assert(unit !== undefined, "the asked vector has a direction")
  const spaceNumber = needs.faces.spaceNumber(space)
  if (spaceNumber === undefined) return []
  const index = needs.indexOf(space, spaceNumber)
  for (let asked = Math.max(askedMin, count * facesPerSubject); ; asked *= widening) {
    const nearest = (await index.search(unit, asked)) ?? (await compareAll(needs.faces, spaceNumber, unit, asked))
    const candidates = nearestOfEach(needs, nearest, unit)
    // Fewer than asked: there are no more faces, however wide we ask.
    if (candidates.length >= count || nearest.labels.length < asked) return candidates.slice(0, count)
  }
}

/** The nearest other subjects of a face of the gallery, best first; none when the face is gone. */
export async function searchOthers(needs: SearchNeeds, faceId: string, count: number): Promise<readonly Candidate[]> {
  const face = needs.faces.vectorOf(faceId)
  if (face === undefined) return []
  // One more than wanted, for the face's own subject is nearest of all.
  const candidates = await searchSubjects(needs, face.space, toVector(face.vector), count + 1)
  return candidates.filter(({ subjectId }) => subjectId !== face.subjectId).slice(0, count)
}

function nearestOfEach({ faces, wallClockMs }: SearchNeeds, nearest: Neighbours, unit: Float32Array): readonly Candidate[] {
  const bestOf = new Map<string, Candidate>()
  const atMs = wallClockMs()
  for (const number of nearest.labels) {
    const face = faces.named(number)
    if (face === undefined) continue // Deleted since the index looked.
    if (!isValidAt(atMs, face)) continue
    const { faceId, subjectId, name } = face
    const exact = similarity(unit, toVector(face.vector))
    const before = bestOf.get(subjectId)
    if (before === undefined || exact > before.similarity) bestOf.set(subjectId, { subjectId, name, faceId, similarity: exact })
  }
  return [...bestOf.values()].sort((a, b) => b.similarity - a.similarity)
}

/** While there is no index: straight from the table, in pages, so that others get their turn in between. */
async function compareAll(faces: Faces, spaceNumber: number, unit: Float32Array, count: number): Promise<Neighbours> {
  const best = createBest(count)
  let number = 0
  for (;;) {
    const page = faces.vectorsAfter(spaceNumber, number, pageFaces)
    const last = page.at(-1)
    if (last === undefined) return best.neighbours()
    for (const face of page) {
      const score = dotAt(unit, toVector(face.vector), 0)
      if (score > best.floor()) best.offer(face.number, score)
    }
    number = last.number
    await new Promise<void>((resume) => setImmediate(resume))
  }
}
