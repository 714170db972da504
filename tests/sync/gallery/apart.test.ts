import { expect, test } from "bun:test"
import { spaceOf } from "../../gallery/support.ts"
import { addFace, enrol, found, openGalleryBox, openSiteOf, pictureOf } from "./support.ts"

/** What two boxes do that do not know of each other at the time. */

test("both edit one person, offline: the later one wins on both, whichever talks first", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const nora = enrol(a, "Nora")
  await site.agree()
  a.gallery.updateSubject(nora.subjectId, { name: "Nora of a" })
  await Bun.sleep(3)
  b.gallery.updateSubject(nora.subjectId, { name: "Nora of b" })
  await site.agree()
  expect([a, b].map((box) => box.gallery.subject(nora.subjectId)?.name)).toEqual(["Nora of b", "Nora of b"])
})

test("a person is taken apart at one box and gets a face at the other: the face stays, and brings the person along", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const [nora, ines] = [enrol(a, "Nora"), enrol(a, "Ines")]
  await site.agree()
  const more = addFace(b, ines.subjectId)
  expect(a.people.rearrangements.merge(ines.subjectId, nora.subjectId).kind).toBe("done")
  await site.agree()
  for (const box of [a, b]) {
    expect(await found(box, ines.vector)).toEqual({ subjectId: nora.subjectId, faceId: ines.faceId })
    expect(await found(box, more.vector)).toEqual({ subjectId: ines.subjectId, faceId: more.faceId })
  }
  expect(pictureOf(b)).toEqual(pictureOf(a))
})

test("one face made that of two people: whoever wrote last has it on every box, and the other when that one leaves", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const [nora, ines, ada] = [enrol(a, "Nora"), enrol(a, "Ines"), enrol(a, "Ada")]
  await site.agree()
  a.people.rearrangements.merge(nora.subjectId, ines.subjectId)
  await Bun.sleep(3)
  b.people.rearrangements.merge(nora.subjectId, ada.subjectId)
  await site.agree()
  for (const box of [a, b]) {
    expect(await found(box, nora.vector)).toEqual({ subjectId: ada.subjectId, faceId: nora.faceId })
    expect(box.syncStore.conflicts.list(10)).toMatchObject([
      { kind: "face", subjectId: ines.subjectId, otherId: ada.subjectId },
    ])
  }
  a.gallery.deleteSubject(ada.subjectId)
  await site.agree()
  for (const box of [a, b]) {
    expect(await found(box, nora.vector)).toEqual({ subjectId: ines.subjectId, faceId: nora.faceId })
    expect(box.syncStore.conflicts.list(10)).toEqual([])
  }
  expect(pictureOf(b)).toEqual(pictureOf(a))
})

test("who was there before a box joined its site is told then, page by page, once it knows what others told", async () => {
  await using site = await openSiteOf(1)
  const a = site.boxes[0]!
  const known = enrol(a, "Known", { externalId: "7" })
  await a.talk()
  await using b = await openGalleryBox("0b0b0b0b", site.keys, site.line, { isMember: false })
  const before = Array.from({ length: 25 }, (_, i) => enrol(b, `Before ${i}`, i === 0 ? { externalId: "7" } : {}))
  b.gallery.createSubject("Without a face")
  b.syncStore.enter("0b0b0b0b")
  const after = enrol(b, "After")
  await b.talk()
  expect(b.syncStore.counts().faces).toBe(2)
  for (let people = 1; people > 0; ) people = b.side.recorder.backlogPage(10)
  expect(b.syncStore.recorded.backlog()).toBeUndefined()
  for (const box of [b, a, b]) await box.talk()
  expect(a.gallery.counts()).toMatchObject({ subjects: 28, faces: 27 })
  for (const { subjectId, faceId, vector } of [known, ...before, after])
    for (const box of [a, b]) expect(await found(box, vector)).toEqual({ subjectId, faceId })
  expect(pictureOf(b)).toEqual(pictureOf(a))
  expect(b.side.recorder.backlogPage(10)).toBe(0)
})

test("faces that were embedded again stay on their box, and move and leave with the face", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const nora = enrol(a, "Nora")
  await site.agree()
  const other = spaceOf(32)
  expect(b.gallery.addTwin(nora.faceId, { space: other, vector: new Float32Array(32).fill(1) })).toBe(true)
  const ines = enrol(a, "Ines")
  a.people.rearrangements.merge(nora.subjectId, ines.subjectId)
  expect((await b.talk()).stored).toBe(0)
  await site.agree()
  const [twin] = await b.gallery.search(other, new Float32Array(32).fill(1), 1)
  expect(twin).toMatchObject({ subjectId: ines.subjectId, faceId: nora.faceId })
  a.gallery.deleteFace(nora.faceId)
  await site.agree()
  expect(await b.gallery.search(other, new Float32Array(32).fill(1), 1)).toEqual([])
})

test("a face in a space that this box does not use is kept", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const { id } = a.gallery.createSubject("Nora")
  const added = a.gallery.addFace({ subjectId: id, space: spaceOf(16), vector: new Float32Array(16).fill(1), source: "vector" })
  expect(added.kind).toBe("added")
  await site.agree()
  expect(b.gallery.counts().spaces).toEqual([{ space: spaceOf(16), faces: 1 }])
  expect(b.gallery.subject(id)?.faceCount).toBe(1)
})
