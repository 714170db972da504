import { assert } from "../base/assert.ts"
import { type Space, spaceDimension, toUnit } from "../face/embedding.ts"
import { type Faces, toVector } from "./faces.ts"
import type { Candidate } from "./gallery.ts"
import { type GroupMembers, holds } from "./group-members.ts"
import type { SpaceIndex } from "./index.ts"
import { createBest, dotAt } from "./scan.ts"
import type { Neighbours } from "./shared-index.ts"
import { isValidAt } from "./subject-details.ts"
import type { ValidFaces } from "./valid-faces.ts"
import type { NumberedSpace, Vectors } from "./vectors.ts"

/** How many faces are asked for each wanted subject at first: people have a few photographs each. */
const facesPerSubject = 6
const askedMin = 10
const widening = 4
/** 1,000 × 256 floats are compared in 1 ms or so, and then the event loop gets its turn. */
const pageFaces = 1000

/** From here on a look among so many costs more than one among the valid alone, when nearly everybody near has expired. */
const askedAmongExpiredMax = 512
const expiredPeopleMin = 64

/** 20,000 members take 1 ms; more are met on the way through the graph, if every fourth face is one. */
const membersComparedMax = 20_000
const wideShare = 4
const askedWideMax = 2048

export interface SearchNeeds {
  readonly wallClockMs: () => number
  readonly faces: Faces
  readonly vectorsAfter: Vectors["after"]
  readonly validFaces: ValidFaces
  readonly membersOf: GroupMembers
  readonly indexOf: (space: Space, spaceNumber: number) => SpaceIndex
}

/**
 * The index proposes, by exact similarities; the table decides: who is named is read there again and exists at that moment.
 * @param group only its members
 */
export async function searchSubjects(
  needs: SearchNeeds,
  space: Space,
  vector: Float32Array,
  count: number,
  group?: string,
): Promise<readonly Candidate[]> {
  assert(vector.length === spaceDimension(space), "the asked vector has the length of its space")
  assert(Number.isInteger(count) && count >= 1, "at least one candidate is asked for")
  const unit = toUnit(vector)
  assert(unit !== undefined, "the asked vector has a direction")
  const spaceNumber = needs.faces.spaceNumber(space)
  if (spaceNumber === undefined) return []
  let members = group === undefined ? undefined : needs.membersOf(spaceNumber, group)
  let onlyValid = false
  if (members?.length === 0) return []
  const index = needs.indexOf(space, spaceNumber)
  const numbered = { space, spaceNumber }
  const askedFirst = Math.max(askedMin, count * facesPerSubject)
  for (let asked = askedFirst; ; asked *= widening) {
    const among = members === undefined || (!onlyValid && isWide(members, asked, index)) ? undefined : members
    const nearest = (await index.search(unit, asked, among)) ?? (await compareAll(needs, numbered, unit, asked, members))
    const { candidates, invalidPeople } = nearestOfEach(needs, nearest, count, members)
    // Fewer than asked: there are no more faces, however wide we ask.
    if (candidates.length >= count || nearest.labels.length < asked) return candidates.slice(0, count)
    if (members === undefined && asked >= askedAmongExpiredMax && invalidPeople >= expiredPeopleMin) {
      // Everybody near has expired: from here on among the others alone, exactly.
      members = await needs.validFaces(spaceNumber, needs.wallClockMs())
      onlyValid = true
      asked = askedFirst / widening
    }
  }
}

/** Whether a search of all is likely to meet enough members. If not, members are compared one by one, which is exact. */
function isWide(members: Float64Array, asked: number, index: SpaceIndex): boolean {
  return members.length > membersComparedMax && members.length * wideShare >= index.status().faces && asked <= askedWideMax
}

/** The nearest other subjects of a face of the gallery, best first; none when the face is gone. */
export async function searchOthers(needs: SearchNeeds, faceId: string, count: number): Promise<readonly Candidate[]> {
  const face = needs.faces.vectorOf(faceId)
  if (face === undefined) return []
  // One more than wanted, for the face's own subject is nearest of all.
  const candidates = await searchSubjects(needs, face.space, toVector(face.vector), count + 1)
  return candidates.filter(({ subjectId }) => subjectId !== face.subjectId).slice(0, count)
}

/** In the order of the index, which is that of similarity: once `count` people are found nobody behind them is nearer. */
function nearestOfEach(
  { faces, wallClockMs }: SearchNeeds,
  nearest: Neighbours,
  count: number,
  members?: Float64Array,
): { readonly candidates: readonly Candidate[]; readonly invalidPeople: number } {
  const invalid = new Set<string>()
  const bestOf = new Map<string, Candidate>()
  const atMs = wallClockMs()
  for (const [place, number] of nearest.labels.entries()) {
    if (bestOf.size >= count) break
    if (members !== undefined && !holds(members, number)) continue
    const listed = faces.subjectIdOf(number)
    if (listed === undefined || bestOf.has(listed) || invalid.has(listed)) continue
    const face = faces.named(number)
    if (face === undefined) continue // Deleted since the index looked.
    const { faceId, subjectId, name } = face
    if (bestOf.has(subjectId)) continue // Another process has made it this person's since.
    if (!isValidAt(atMs, face)) {
      invalid.add(subjectId)
      continue
    }
    bestOf.set(subjectId, { subjectId, name, faceId, similarity: nearest.similarities[place] ?? 0 })
  }
  return { candidates: [...bestOf.values()], invalidPeople: invalid.size }
}

/** While there is no index: straight from the table, in pages, so that others get their turn in between. */
export async function compareAll(
  { vectorsAfter }: Pick<SearchNeeds, "vectorsAfter">,
  space: NumberedSpace,
  unit: Float32Array,
  count: number,
  members?: Float64Array,
): Promise<Neighbours> {
  const best = createBest(count)
  let number = 0
  for (;;) {
    const page = vectorsAfter(space, number, pageFaces)
    const last = page.at(-1)
    if (last === undefined) return best.neighbours()
    for (const face of page) {
      if (members !== undefined && !holds(members, face.number)) continue
      const score = dotAt(unit, toVector(face.vector), 0)
      if (score > best.floor()) best.offer(face.number, score)
    }
    number = last.number
    await new Promise<void>((resume) => setImmediate(resume))
  }
}
