import { expect, test } from "bun:test"
import { parseSpace } from "../../app/face/embedding.ts"
import type { GalleryOptions } from "../../app/gallery/open.ts"
import type { SubjectDetails } from "../../app/gallery/subject-details.ts"
import { enrol, near, type OpenBox, openBox, randomFrom, randomVector, spaceOf } from "./support.ts"

const space = spaceOf(32)
const fromMs = 1_700_000_000_000
const untilMs = fromMs + 1000

/** A gallery in whose world it is `clock.nowMs`. */
async function openAt(nowMs: number, options: GalleryOptions = {}): Promise<{ box: OpenBox; clock: { nowMs: number } }> {
  const clock = { nowMs }
  return { box: await openBox({ ...options, wallClockMs: () => clock.nowMs }), clock }
}

test.each([
  [fromMs - 1, false],
  [fromMs, true],
  [untilMs - 1, true],
  [untilMs, false],
])("valid from %#: at %d the person is found: %p", async (nowMs, found) => {
  const { box } = await openAt(nowMs)
  await using _ = box
  const vector = randomVector(32, randomFrom(1))
  const { subjectId } = enrol(box.gallery, "Ada", space, [vector])
  box.gallery.updateSubject(subjectId, { validFromMs: fromMs, validUntilMs: untilMs })
  const names = (await box.gallery.search(space, vector, 5)).map(({ name }) => name)
  expect(names).toEqual(found ? ["Ada"] : [])
})

test("a person expires between two searches, and comes back when the time is moved", async () => {
  const { box, clock } = await openAt(fromMs)
  await using _ = box
  const vector = randomVector(32, randomFrom(2))
  const ada = enrol(box.gallery, "Ada", space, [vector])
  enrol(box.gallery, "Grace", space, [near(vector, 1, randomFrom(3))])
  box.gallery.updateSubject(ada.subjectId, { validUntilMs: untilMs })
  const first = async () => (await box.gallery.search(space, vector, 1))[0]?.name
  expect(await first()).toBe("Ada")
  clock.nowMs = untilMs
  expect(await first()).toBe("Grace")
  box.gallery.updateSubject(ada.subjectId, { validUntilMs: null })
  expect(await first()).toBe("Ada")
})

// With the index, and without any: the table itself is read then.
test.each([
  ["compared one by one", {}],
  ["in the graph", { scannedMax: 0 }],
  [
    "without an index",
    {
      startWorker: () => new Worker(`data:text/javascript,throw new Error("broken on purpose")`),
    },
  ],
] as const)("behind a crowd of expired people the valid one is found, %s", async (_how, options) => {
  const { box } = await openAt(untilMs, options)
  await using _ = box
  const random = randomFrom(4)
  const vector = randomVector(32, random)
  // All of these are nearer than the one who is valid, and more than the first look takes in.
  for (let i = 0; i < 300; i++) {
    const { subjectId } = enrol(box.gallery, `Expired ${i}`, space, [near(vector, 0.1, random)])
    box.gallery.updateSubject(subjectId, { validUntilMs: untilMs })
  }
  enrol(box.gallery, "Valid", space, [near(vector, 1, random)])
  expect((await box.gallery.search(space, vector, 3)).map(({ name }) => name)).toEqual(["Valid"])
})

test("behind more than can be looked at, people without an end and with a later one are compared, and nobody else", async () => {
  const { box } = await openAt(untilMs)
  await using _ = box
  const random = randomFrom(6)
  const vector = randomVector(32, random)
  const add = (name: string, spread: number, validity: SubjectDetails, faces = 1) => {
    const vectors = Array.from({ length: faces }, (_, i) => near(vector, spread + i, random))
    const { subjectId } = enrol(box.gallery, name, space, vectors)
    box.gallery.updateSubject(subjectId, validity)
  }
  for (let i = 0; i < 600; i++) add(`Expired ${i}`, 0.05, { validUntilMs: i % 2 === 0 ? untilMs : fromMs })
  add("Not yet", 0.1, { validFromMs: untilMs + 1 })
  add("Later end", 0.3, { validUntilMs: untilMs + 1 }, 3)
  add("No end", 0.6, { validFromMs: fromMs })
  enrol(box.gallery, "Elsewhere", parseSpace("other@0badc0de/32")!, [vector])
  const found = await box.gallery.search(space, vector, 3)
  expect(found.map(({ name }) => name)).toEqual(["Later end", "No end"])
  expect((await box.gallery.search(space, vector, 1)).map(({ name }) => name)).toEqual(["Later end"])
  const nearest = found[0]!
  expect(nearest.faceId).toBe(box.gallery.facesOf(nearest.subjectId, { limit: 1 })!.items[0]!.id)
})

test("look-alikes are other people, valid and in the same space, and none for a face that is gone", async () => {
  const { box } = await openAt(untilMs)
  await using _ = box
  const random = randomFrom(5)
  const vector = randomVector(32, random)
  const ada = enrol(box.gallery, "Ada", space, [vector, near(vector, 0.2, random)])
  const expired = enrol(box.gallery, "Expired", space, [vector])
  box.gallery.updateSubject(expired.subjectId, { validUntilMs: untilMs })
  enrol(box.gallery, "Elsewhere", parseSpace("other@0badc0de/32")!, [vector])
  const twins = Array.from({ length: 4 }, (_, i) => enrol(box.gallery, `Twin ${i}`, space, [near(vector, 0.2 + i, random)]))
  const faceId = ada.faceIds[0]!
  const found = await box.gallery.lookAlikes(faceId, 3)
  expect(found.map(({ subjectId }) => subjectId)).toEqual(twins.slice(0, 3).map(({ subjectId }) => subjectId))
  box.gallery.deleteFace(faceId)
  expect(await box.gallery.lookAlikes(faceId, 3)).toEqual([])
})
