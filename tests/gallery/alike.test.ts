import { expect, test } from "bun:test"
import { similarity } from "../../app/face/embedding.ts"
import { openBox, randomFrom, randomVector, spaceOf } from "./support.ts"

const space = spaceOf(16)

/** Some people at random, and their vectors. */
async function withPeople(count: number, scannedMax?: number) {
  const box = await openBox(scannedMax === undefined ? {} : { scannedMax })
  const random = randomFrom(3)
  const people = Array.from({ length: count }, (_, i) => {
    const { id } = box.gallery.createSubject(`Person ${i}`)
    const vector = randomVector(16, random)
    box.gallery.addFace({ subjectId: id, space, vector, source: "vector" })
    return { id, vector }
  })
  return { box, people }
}

test.each([
  ["compared one by one", undefined],
  ["met on the way through a graph", 50],
] as const)("every pair above the similarity is found, each once, the nearest first: %s", async (_, scannedMax) => {
  const { box, people } = await withPeople(300, scannedMax)
  await using _box = box
  await box.gallery.indexesSaved()
  const similarityMin = 0.7
  const expected = people
    .flatMap((one, i) =>
      people.slice(i + 1).map((other) => ({ ids: [one.id, other.id], near: similarity(one.vector, other.vector) })),
    )
    .filter(({ near }) => near >= similarityMin)
    .sort((a, b) => b.near - a.near)
  expect(expected.length).toBeGreaterThan(30)
  let told = 0
  const { pairs, faces, cut } = await box.gallery.findAlike(space, {
    similarityMin,
    pairsMax: 1000,
    progress: (count) => {
      told += count
    },
  })
  expect([faces, cut, told]).toEqual([300, false, 300])
  expect(pairs.map((pair) => pair.subjectIds.toSorted())).toEqual(expected.map(({ ids }) => ids.toSorted()))
  for (const [i, pair] of pairs.entries()) expect(pair.similarity).toBeCloseTo(expected[i]?.near ?? 0, 5)

  const nearest = await box.gallery.findAlike(space, { similarityMin, pairsMax: 5 })
  expect(nearest.cut).toBe(true)
  expect(nearest.pairs).toEqual(pairs.slice(0, 5))
})

test("somebody's own faces are nobody's look-alikes, however many there are", async () => {
  const { box, people } = await withPeople(3)
  await using _box = box
  const [ada, grace] = people
  if (ada === undefined || grace === undefined) throw new Error("nobody")
  for (let i = 0; i < 40; i++) box.gallery.addFace({ subjectId: ada.id, space, vector: ada.vector, source: "vector" })
  const twice = box.gallery.addFace({ subjectId: grace.id, space, vector: ada.vector, source: "vector" })
  const { pairs } = await box.gallery.findAlike(space, { similarityMin: 0.95, pairsMax: 10 })
  expect(pairs).toEqual([
    {
      subjectIds: [ada.id, grace.id].toSorted() as [string, string],
      faceIds: expect.any(Array),
      similarity: expect.closeTo(1, 5),
    },
  ])
  expect(pairs[0]?.faceIds).toContain(twice.kind === "added" ? twice.face.id : "")
  const unknown = await box.gallery.findAlike(spaceOf(8), { similarityMin: 0.95, pairsMax: 10 })
  expect(unknown).toEqual({ faces: 0, pairs: [], cut: false })
})
