import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import type { FaceChip } from "../../app/face/face.ts"
import { type OpenBox, openBox, randomFrom, randomVector, spaceOf } from "./support.ts"

const space = spaceOf(32)
const planted = "this is nobody's picture"

const chip: FaceChip = {
  jpeg: new TextEncoder().encode(planted.repeat(500)),
  size: { width: 200, height: 256 },
  landmarks: [
    [70, 90],
    [130, 91.5],
    [100, 120],
    [75, 150],
    [125, 151],
  ],
}

function addFace(box: OpenBox, subjectId: string, withChip: boolean): string {
  const vector = randomVector(32, randomFrom(1))
  const added = box.gallery.addFace({ subjectId, space, vector, source: "picture", chip: withChip ? chip : undefined })
  if (added.kind !== "added") throw new Error(added.kind)
  expect(added.face.hasImage).toBe(withChip)
  return added.face.id
}

test("the picture of a face is kept with its landmarks, over a restart too", async () => {
  await using box = await openBox()
  const { id } = box.gallery.createSubject("Ada")
  const [kept, none] = [addFace(box, id, true), addFace(box, id, false)]
  await box.reopen()
  expect(box.gallery.faceImage(kept)).toEqual(chip)
  expect(box.gallery.faceImage(none)).toBeNull()
  expect(box.gallery.faceImage("nobody")).toBeUndefined()
  expect(box.gallery.facesOf(id, { limit: 5 })?.items.map(({ hasImage }) => hasImage)).toEqual([true, false])
  expect(box.gallery.face(kept)).toMatchObject({ id: kept, subjectId: id, hasImage: true })
})

test.each(["face", "subject"] as const)("with its %s the picture leaves the file, to the last byte", async (what) => {
  await using box = await openBox()
  const { id } = box.gallery.createSubject("Ada")
  const faceId = addFace(box, id, true)
  const inFiles = () => ["", "-wal"].some((side) => readFileSync(box.path + side).includes(planted))
  expect(inFiles()).toBe(true)
  if (what === "face") box.gallery.deleteFace(faceId)
  else box.gallery.deleteSubject(id)
  expect(box.gallery.faceImage(faceId)).toBeUndefined()
  expect(box.store.prepare("select * from face_chips").all()).toEqual([])
  box.store.prepare("pragma wal_checkpoint(truncate)").all()
  expect(inFiles()).toBe(false)
})
