import { expect, setDefaultTimeout, test } from "bun:test"
import { similarity } from "../../app/face/embedding.ts"
import { openGroupMembers } from "../../app/gallery/group-members.ts"
import { fillGallery } from "../../scripts/bench/search/fill.ts"
import { testVaultOf } from "../support/vault.ts"
import { enrol, openBox, randomFrom, randomVector, spaceOf, until } from "./support.ts"

setDefaultTimeout(60_000)

const dimension = 32
const space = spaceOf(dimension)
const people = 1200
const random = randomFrom(21)
const vectors = Array.from({ length: people }, () => randomVector(dimension, random))

/** Every 40th person is in `few`, two of three in `many`. */
const groupsOf = (person: number) => [...(person % 40 === 0 ? ["few"] : []), ...(person % 3 === 0 ? [] : ["many"])]

const nearestIn = (group: string, asked: Float32Array, count: number) =>
  vectors
    .map((vector, person) => ({ person, cosine: similarity(asked, vector) }))
    .filter(({ person }) => groupsOf(person).includes(group))
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, count)
    .map(({ person }) => `Person ${person}`)

async function filledBox(scannedMax: number) {
  const box = await openBox()
  const given = (from: number, count: number) => {
    const all = new Float32Array(count * dimension)
    for (let i = 0; i < count; i++) all.set(vectors[from + i]!, i * dimension)
    return all
  }
  fillGallery(box.store, testVaultOf(box.store), {
    space,
    dimension,
    faces: people,
    facesPerPerson: 1,
    vectors: given,
    groupsOf,
  })
  await box.reopen({ scannedMax })
  await until(() => box.gallery.indexStatus()[0]?.state === "ready", "the index is there")
  return box
}

test.each([10_000, 100])("a group restricts a search to its members, exactly (up to %p faces compared)", async (scannedMax) => {
  await using box = await filledBox(scannedMax)
  for (let i = 0; i < 30; i++) {
    const asked = randomVector(dimension, random)
    for (const group of ["few", "many"]) {
      const found = await box.gallery.search(space, asked, 5, group)
      expect(found.map(({ name }) => name)).toEqual(nearestIn(group, asked, 5))
    }
    expect(await box.gallery.search(space, asked, 5, "nobody's")).toEqual([])
    expect(await box.gallery.search(space, asked, 50, "few")).toHaveLength(30)
  }
})

test("who joins or leaves a group, or is deleted, is seen by the very next search", async () => {
  await using box = await openBox()
  const asked = randomVector(dimension, random)
  const { subjectId } = enrol(box.gallery, "Joining", space, [asked])
  const names = async () => (await box.gallery.search(space, asked, 3, "door")).map(({ name }) => name)
  expect(await names()).toEqual([])
  box.gallery.updateSubject(subjectId, { groups: ["door"] })
  expect(await names()).toEqual(["Joining"])
  box.gallery.updateSubject(subjectId, { groups: [] })
  expect(await names()).toEqual([])
  box.gallery.updateSubject(subjectId, { groups: ["door"] })
  box.gallery.deleteSubject(subjectId)
  expect(await names()).toEqual([])
})

test("members are read once while nothing changes, for as many groups as are kept", async () => {
  await using box = await filledBox(10_000)
  let seq = 1
  const membersOf = openGroupMembers(box.store, () => seq)
  const few = membersOf(1, "few")
  expect(few).toHaveLength(30)
  expect(membersOf(1, "few")).toBe(few)
  for (let i = 0; i < 64; i++) membersOf(1, `group ${i}`)
  expect(membersOf(1, "few")).not.toBe(few)
  const again = membersOf(1, "few")
  seq++
  expect(membersOf(1, "few")).not.toBe(again)
})
