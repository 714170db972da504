import { describe, expect, test } from "bun:test"
import type { FaceChip } from "../../../app/face/face.ts"
import { openPeopleRetention } from "../../../app/people/retention.ts"
import { addFace, enrol, type GalleryBox, openSiteOf } from "./support.ts"

const landmarks = [
  [1, 1],
  [2, 1],
  [1, 2],
  [1, 3],
  [2, 3],
] as const satisfies FaceChip["landmarks"]
const chip: FaceChip = { jpeg: crypto.getRandomValues(new Uint8Array(3000)), size: { width: 112, height: 112 }, landmarks }

describe("pictures of faces", () => {
  test("go along where they may, and leave by age everywhere", async () => {
    await using site = await openSiteOf(2, { chips: true })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const { subjectId } = enrol(a, "Nora")
    const { faceId } = addFace(a, subjectId, chip)
    await site.agree()
    expect(b.gallery.faceImage(faceId)?.jpeg).toEqual(chip.jpeg)
    expect(b.gallery.faceImage(faceId)).toMatchObject({ size: chip.size, landmarks })
    await leaveByAge(b)
    await site.agree()
    expect(a.gallery.faceImage(faceId)).toBeNull()
    expect(a.gallery.face(faceId)).toMatchObject({ hasImage: false })
    expect((await a.talk()).stored).toBe(0)
  })

  test("stay at home by themselves", async () => {
    await using site = await openSiteOf(2)
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const { subjectId } = enrol(a, "Nora")
    const { faceId } = addFace(a, subjectId, chip)
    await site.agree()
    expect(b.gallery.face(faceId)).toMatchObject({ source: "picture", hasImage: false })
    expect(a.gallery.faceImage(faceId)?.jpeg).toEqual(chip.jpeg)
  })

  test("move with the face, and leave with it", async () => {
    await using site = await openSiteOf(2, { chips: true, isSealed: true })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const [nora, ines] = [enrol(a, "Nora"), enrol(a, "Ines")]
    const { faceId } = addFace(a, ines.subjectId, chip)
    await site.agree()
    a.people.rearrangements.merge(ines.subjectId, nora.subjectId)
    await site.agree()
    expect(b.gallery.faceImage(faceId)?.jpeg).toEqual(chip.jpeg)
    b.gallery.deleteFace(faceId)
    await site.agree()
    expect(a.gallery.faceImage(faceId)).toBeUndefined()
    for (const box of [a, b]) expect(box.syncStore.counts().parts).toBe(0)
  })
})

async function leaveByAge({ store, people }: GalleryBox): Promise<void> {
  const step = openPeopleRetention(store, people, { chipsAgeMaxDays: 1, eraseAfterEndDays: null, undoDays: 30 })
  const inThreeDaysMs = Date.now() + 3 * 24 * 3600 * 1000
  expect(await step(inThreeDaysMs, 1)).toMatchObject({ chips: 1 })
}
