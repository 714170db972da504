import { describe, expect, test } from "bun:test"
import { addFace, enrol, found, openSiteOf, pictureOf } from "./support.ts"

describe.each([
  ["in the clear", false],
  ["sealed", true],
])("two boxes, %s", (_, isSealed) => {
  test("who is enrolled at one is found at the other, with everything that is known of the person", async () => {
    await using site = await openSiteOf(2, { isSealed })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const fields = {
      name: "Nora",
      externalId: "7",
      metadata: { floor: 3, tags: ["a", "b"] },
      groups: ["staff", "night"],
      validFromMs: 1000,
      validUntilMs: 4_000_000_000_000,
      consentNote: "on paper",
    }
    const nora = enrol(a, fields.name, fields)
    await a.talk()
    expect((await b.talk()).applied).toBe(1)
    expect(await found(b, nora.vector)).toEqual({ subjectId: nora.subjectId, faceId: nora.faceId })
    expect(pictureOf(b)).toEqual(pictureOf(a))
    expect(b.gallery.subject(nora.subjectId)).toMatchObject({ ...fields, groups: ["night", "staff"] })
    // Nothing comes back as a record of its own.
    expect((await b.talk()).stored).toBe(0)
    expect((await a.talk()).applied).toBe(0)
  })

  test("a change at one is seen at the other, both ways", async () => {
    await using site = await openSiteOf(2, { isSealed })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const { subjectId } = enrol(a, "Nora")
    await site.agree()
    b.gallery.updateSubject(subjectId, { name: "Nora B", groups: ["staff"], validUntilMs: 4_000_000_000_000 })
    await site.agree()
    expect(a.gallery.subject(subjectId)).toMatchObject({ name: "Nora B", groups: ["staff"], validUntilMs: 4_000_000_000_000 })
    a.gallery.updateSubject(subjectId, { groups: null, validUntilMs: null })
    await site.agree()
    expect(b.gallery.subject(subjectId)).toMatchObject({ name: "Nora B", groups: [] })
    expect(b.gallery.subject(subjectId)?.validUntilMs).toBeUndefined()
    expect(pictureOf(b)).toEqual(pictureOf(a))
  })

  test("a face that is deleted at one leaves the other; the person stays, and leaves as well when told so", async () => {
    await using site = await openSiteOf(2, { isSealed })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const nora = enrol(a, "Nora")
    const more = addFace(a, nora.subjectId)
    await site.agree()
    expect(b.gallery.deleteFace(nora.faceId)).toBe(true)
    await site.agree()
    expect(await found(a, nora.vector)).toBeUndefined()
    expect(await found(a, more.vector)).toEqual({ subjectId: nora.subjectId, faceId: more.faceId })
    b.gallery.deleteFace(more.faceId)
    await site.agree()
    expect(a.gallery.subject(nora.subjectId)).toMatchObject({ name: "Nora", faceCount: 0 })
    a.gallery.deleteSubject(nora.subjectId)
    await site.agree()
    expect(b.gallery.subject(nora.subjectId)).toBeUndefined()
    expect(pictureOf(b)).toEqual(pictureOf(a))
  })

  test("merged at one, unmerged at the other, split again", async () => {
    await using site = await openSiteOf(2, { isSealed })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const [nora, ines] = [enrol(a, "Nora", { groups: ["night"] }), enrol(b, "Ines")]
    await site.agree()
    const merged = a.people.rearrangements.merge(ines.subjectId, nora.subjectId)
    if (merged.kind !== "done") throw new Error(merged.kind)
    await site.agree()
    expect(await found(b, ines.vector)).toEqual({ subjectId: nora.subjectId, faceId: ines.faceId })
    expect(b.gallery.subject(ines.subjectId)).toBeUndefined()
    expect(pictureOf(b)).toEqual(pictureOf(a))
    expect(b.syncStore.conflicts.list(10)).toEqual([])

    expect(a.people.rearrangements.undo(merged.rearrangement.id).kind).toBe("undone")
    await site.agree()
    expect(await found(b, ines.vector)).toEqual({ subjectId: ines.subjectId, faceId: ines.faceId })
    expect(pictureOf(b)).toEqual(pictureOf(a))

    const more = addFace(b, nora.subjectId)
    const split = b.people.rearrangements.split(nora.subjectId, [more.faceId], { name: "Nora's sister" })
    expect(split.kind).toBe("done")
    await site.agree()
    expect((await found(a, more.vector))?.subjectId).not.toBe(nora.subjectId)
    expect(pictureOf(b)).toEqual(pictureOf(a))
    expect(a.gallery.counts()).toMatchObject({ subjects: 3, faces: 3 })
    expect(a.syncStore.conflicts.list(10)).toEqual([])
  })
})

test("what a transaction of the talk records by the way is told of: the round may have passed the place where it would go", async () => {
  await using site = await openSiteOf(1)
  const [a] = site.boxes
  const before = a!.recordedBeside()
  enrol(a!, "Nora")
  expect(a!.recordedBeside()).toBe(before)
  a!.side.box.transact((tables) => tables.mustReadErasures())
  expect(a!.recordedBeside()).toBe(before + 1)
  a!.side.box.transact((tables) => tables.mustReadErasures())
  expect(a!.recordedBeside()).toBe(before + 1)
})
