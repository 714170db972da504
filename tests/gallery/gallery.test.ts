import { expect, test } from "bun:test"
import { parseSpace, similarity } from "../../app/face/embedding.ts"
import { enrol, near, openBox, randomFrom, randomVector, spaceOf } from "./support.ts"

const space = spaceOf(32)
const unknownId = "01900000-0000-7000-8000-000000000000"

test("people are made, found, renamed and listed in pages", async () => {
  await using box = await openBox()
  const made = Array.from({ length: 5 }, (_, i) => box.gallery.createSubject(i < 2 ? "Ada" : `Person ${i}`))
  const [first] = made
  if (first === undefined) throw new Error("nobody")
  expect(box.gallery.subject(first.id)).toEqual(first)

  const one = box.gallery.subjects({ limit: 2 })
  const two = box.gallery.subjects({ limit: 2, after: one.next })
  const three = box.gallery.subjects({ limit: 2, after: two.next })
  expect([one, two, three].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(made.map(({ id }) => id))
  expect(three.next).toBeUndefined()
  expect(box.gallery.subjects({ limit: 5 }).next).toBeUndefined()

  const renamed = box.gallery.updateSubject(first.id, { name: "Grace" })
  const { createdAtMs } = first
  expect(renamed).toMatchObject({ kind: "updated", subject: { id: first.id, name: "Grace", createdAtMs, faceCount: 0 } })
  expect(box.gallery.updateSubject(unknownId, { name: "Nobody" })).toEqual({ kind: "no_subject" })
  expect(box.gallery.subject(unknownId)).toBeUndefined()
  expect(box.gallery.deleteSubject(unknownId)).toEqual({ kind: "no_subject" })
  for (const name of ["", "  ", "x".repeat(201)]) expect(() => box.gallery.createSubject(name)).toThrow("1 to 200")
})

test("faces keep what is known of them, over a restart too", async () => {
  await using box = await openBox()
  const random = randomFrom(1)
  const { subjectId } = enrol(box.gallery, "Ada", space, [randomVector(32, random)])
  const quality = {
    score: 0.9,
    faceWidthPx: 80,
    eyeDistancePx: 33,
    brightness: 0.5,
    contrast: 0.2,
    sharpness: 0.7,
    yaw: 1,
    pitch: -2,
    roll: 3,
  }
  const added = box.gallery.addFace({ subjectId, space, vector: randomVector(32, random), source: "picture", quality })
  const before = box.gallery.facesOf(subjectId, { limit: 10 })?.items
  expect(before).toHaveLength(2)
  expect(before?.[0]).not.toHaveProperty("quality")
  expect(added).toEqual({ kind: "added", face: { ...before![1]!, quality } })
  expect(box.gallery.subject(subjectId)?.faceCount).toBe(2)
  await box.reopen()
  expect(box.gallery.facesOf(subjectId, { limit: 10 })).toEqual({ items: before! })
  expect(box.gallery.facesOf(unknownId, { limit: 10 })).toBeUndefined()
  expect(box.gallery.counts()).toEqual({ subjects: 1, faces: 2, spaces: [{ space, faces: 2 }] })
})

test("a vector must fit its space and point somewhere; the subject must exist", async () => {
  await using box = await openBox()
  const { id: subjectId } = box.gallery.createSubject("Ada")
  const add = (vector: Float32Array, subject = subjectId) =>
    box.gallery.addFace({ subjectId: subject, space, vector, source: "vector" })
  expect(add(new Float32Array(31).fill(1))).toEqual({
    kind: "bad_vector",
    why: "test@0badc0de/32 has vectors of 32 numbers, this one has 31",
  })
  for (const wrong of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(add(new Float32Array(32).fill(wrong))).toMatchObject({ kind: "bad_vector" })
  }
  expect(add(new Float32Array(32).fill(1), unknownId)).toEqual({ kind: "no_subject" })
  expect(box.gallery.counts()).toEqual({ subjects: 1, faces: 0, spaces: [] })
  expect(await box.gallery.search(space, new Float32Array(32).fill(1), 1)).toEqual([])
})

test("a search names each person once, by the nearest face, with the exact cosine", async () => {
  await using box = await openBox()
  const random = randomFrom(2)
  const ada = randomVector(32, random)
  const adaFaces = Array.from({ length: 60 }, () => near(ada, 0.3, random))
  // Enrolled at another length: the direction is what counts.
  const long = adaFaces.map((face) => face.map((part) => part * 7))
  const adaIds = enrol(box.gallery, "Ada", space, long)
  const grace = enrol(box.gallery, "Grace", space, [near(ada, 1.5, random)])
  const edsger = enrol(box.gallery, "Edsger", space, [randomVector(32, random)])

  const asked = near(ada, 0.3, random)
  const found = await box.gallery.search(space, asked, 3)
  // Ada's 60 faces come before all others: the search has to ask wider to see anybody else.
  expect(found.map(({ name }) => name)).toEqual(["Ada", "Grace", "Edsger"])
  expect(found.map(({ subjectId }) => subjectId)).toEqual([adaIds.subjectId, grace.subjectId, edsger.subjectId])
  const exact = adaFaces.map((face) => similarity(asked, face))
  const best = Math.max(...exact)
  expect(found[0]?.similarity).toBeCloseTo(best, 5)
  expect(found[0]?.faceId).toBe(adaIds.faceIds[exact.indexOf(best)]!)
  expect(await box.gallery.search(space, asked, 1)).toEqual(found.slice(0, 1))
  expect(await box.gallery.search(space, asked, 50)).toHaveLength(3)
})

test("what is deleted is gone in the very next search, what is new or renamed is there", async () => {
  await using box = await openBox()
  const random = randomFrom(3)
  const vector = randomVector(32, random)
  const names = async () => (await box.gallery.search(space, vector, 5)).map(({ name }) => name)
  const ada = enrol(box.gallery, "Ada", space, [vector, near(vector, 0.2, random)])
  expect(await names()).toEqual(["Ada"])
  box.gallery.updateSubject(ada.subjectId, { name: "Countess" })
  expect(await names()).toEqual(["Countess"])

  expect(box.gallery.deleteFace(ada.faceIds[0]!)).toBe(true)
  expect(box.gallery.deleteFace(ada.faceIds[0]!)).toBe(false)
  const [second] = await box.gallery.search(space, vector, 1)
  expect(second?.faceId).toBe(ada.faceIds[1]!)

  // Also while a search is under way: what it answers exists when it answers.
  const under = names()
  expect(box.gallery.deleteSubject(ada.subjectId)).toEqual({ kind: "deleted" })
  expect(await under).toEqual([])
  expect(await names()).toEqual([])
  expect(box.gallery.facesOf(ada.subjectId, { limit: 1 })).toBeUndefined()
  expect(box.gallery.counts()).toEqual({ subjects: 0, faces: 0, spaces: [] })
  await box.reopen()
  expect(await names()).toEqual([])
})

test("two spaces never meet", async () => {
  await using box = await openBox()
  const other = parseSpace("other@0badc0de/32")!
  const vector = randomVector(32, randomFrom(4))
  enrol(box.gallery, "Ada", space, [vector])
  expect(await box.gallery.search(other, vector, 1)).toEqual([])
  enrol(box.gallery, "Grace", other, [vector])
  expect((await box.gallery.search(other, vector, 5)).map(({ name }) => name)).toEqual(["Grace"])
  expect((await box.gallery.search(space, vector, 5)).map(({ name }) => name)).toEqual(["Ada"])
  await expect(box.gallery.search(spaceOf(16), vector, 1)).rejects.toThrow("length of its space")
})

test("changes of another process are seen by the next search", async () => {
  await using box = await openBox()
  const vector = randomVector(32, randomFrom(5))
  const ada = enrol(box.gallery, "Ada", space, [vector])
  expect(await box.gallery.search(space, vector, 5)).toHaveLength(1)

  const other = Bun.spawn([process.execPath, require.resolve("./other-process.ts"), box.path, space, ada.subjectId], {
    stdin: "pipe",
    stderr: "inherit",
  })
  other.stdin.write(JSON.stringify([...vector]))
  other.stdin.end()
  expect(await other.exited).toBe(0)
  const found = await box.gallery.search(space, vector, 5)
  expect(found.map(({ name }) => name)).toEqual(["Somebody new"])
})
