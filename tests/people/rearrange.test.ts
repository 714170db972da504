import { expect, test } from "bun:test"
import { silentLog } from "../../app/base/log.ts"
import { openBoxFolder } from "../../app/box/open.ts"
import { toVector } from "../../app/gallery/faces.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { tempFolder } from "../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../support/vault.ts"
import { openPeopleBox, type PeopleBox, plant, space, tracesIn } from "./support.ts"

const vaults = { plain: plainVaultOf, sealed: sealedVaultOf } as const

/** Everything that is told of a person, but for what counts changes. */
function known({ gallery, sightings }: PeopleBox, subjectId: string) {
  const { version, updatedAtMs, ...subject } = gallery.subject(subjectId) ?? { version: 0, updatedAtMs: 0 }
  const faces = gallery.facesOf(subjectId, { limit: 100 })?.items ?? []
  return {
    subject,
    faces: faces.map((face) => ({ ...face, vector: gallery.storedVector(face.id)?.vector.toBase64() })),
    chips: faces.map(({ id }) => gallery.faceImage(id)?.jpeg.toBase64()),
    sightings: sightings.list({ subjectId }, 100).items,
  }
}

async function nearest({ gallery }: PeopleBox, faceId: string): Promise<string | undefined> {
  const vector = gallery.storedVector(faceId)?.vector
  return vector && (await gallery.search(space, toVector(vector), 1))[0]?.subjectId
}

test.each(["plain", "sealed"] as const)("two become one and two again, and nothing is lost (%s)", async (kind) => {
  await using box = await openPeopleBox({ vaultOf: (store) => vaults[kind](store) })
  const { gallery, people } = box
  const [first, second] = [plant(box, 1), plant(box, 2)]
  gallery.updateSubject(second.subjectId, { groups: ["guests", "staff"] })
  const before = [first, second].map(({ subjectId }) => known(box, subjectId))
  const faceIds = before[1]?.faces.map(({ id }) => id) ?? []

  const merged = people.rearrangements.merge(second.subjectId, first.subjectId)
  if (merged.kind !== "done") throw new Error(merged.kind)
  expect(gallery.subject(second.subjectId)).toBeUndefined()
  expect(gallery.subject(first.subjectId)).toMatchObject({ name: first.name, faceCount: 4, groups: ["guests", "staff"] })
  expect(box.sightings.list({ subjectId: first.subjectId }, 100).items).toHaveLength(4)
  expect(await nearest(box, faceIds[0] ?? "")).toBe(first.subjectId)
  expect(gallery.faceImage(faceIds[0] ?? "")?.jpeg.toBase64()).toBe(before[1]?.chips[0] ?? "")
  if (kind === "sealed")
    expect(tracesIn(box.folder.path, [{ ...second, traces: { name: second.traces.name ?? new Uint8Array() } }])).toEqual([])

  expect(people.rearrangements.of(first.subjectId)).toEqual([merged.rearrangement])
  expect(people.rearrangements.undo(merged.rearrangement.id)).toMatchObject({ kind: "undone" })
  expect([first, second].map(({ subjectId }) => known(box, subjectId))).toEqual(before)
  expect(await nearest(box, faceIds[0] ?? "")).toBe(second.subjectId)
  expect(people.rearrangements.undo(merged.rearrangement.id)).toEqual({ kind: "no_rearrangement" })
})

test("what is seen after a merge stays with the one; an externalId that went to a third person is not taken back", async () => {
  await using box = await openPeopleBox()
  const { gallery, people } = box
  const [first, second] = [plant(box, 1), plant(box, 2)]
  const externalId = gallery.subject(second.subjectId)?.externalId ?? ""
  const merged = people.rearrangements.merge(second.subjectId, first.subjectId)
  if (merged.kind !== "done") throw new Error(merged.kind)
  const third = gallery.addSubject({ name: "Third", externalId })
  expect(people.rearrangements.undo(merged.rearrangement.id)).toMatchObject({ kind: "external_id_taken" })
  expect(gallery.subject(first.subjectId)?.faceCount).toBe(4)
  if (third.kind === "added") gallery.deleteSubject(third.subject.id)
  expect(people.rearrangements.undo(merged.rearrangement.id)).toMatchObject({ kind: "undone" })
  expect(people.rearrangements.merge(first.subjectId, first.subjectId)).toEqual({ kind: "same_subject" })
  expect(people.rearrangements.merge(crypto.randomUUID(), first.subjectId)).toMatchObject({ kind: "no_subject" })
})

test.each(["plain", "sealed"] as const)(
  "three become one, step by step, and three again, in either order (%s)",
  async (kind) => {
    for (const newestFirst of [true, false]) {
      await using box = await openPeopleBox({ vaultOf: (store) => vaults[kind](store) })
      const { rearrangements } = box.people
      const all = [plant(box, 1), plant(box, 2), plant(box, 3)]
      const [first, second, third] = all.map(({ subjectId }) => subjectId) as [string, string, string]
      const before = all.map(({ subjectId }) => known(box, subjectId))
      const merged = [rearrangements.merge(first, second), rearrangements.merge(second, third)]
      expect(box.gallery.subject(third)?.faceCount).toBe(6)
      expect(rearrangements.of(third).map(({ otherId }) => otherId)).toEqual([second, first])
      for (const done of newestFirst ? merged.toReversed() : merged) {
        if (done.kind !== "done") throw new Error(done.kind)
        expect(rearrangements.undo(done.rearrangement.id)).toMatchObject({ kind: "undone" })
      }
      expect(all.map(({ subjectId }) => known(box, subjectId))).toEqual(before)
    }
  },
)

test("who became part of somebody who was split off, and came back with them, can be made anew", async () => {
  await using box = await openPeopleBox()
  const { rearrangements } = box.people
  const [first, second] = [plant(box, 1), plant(box, 2)]
  const before = known(box, second.subjectId)
  const faceId = known(box, first.subjectId).faces[1]?.id ?? ""
  const split = rearrangements.split(first.subjectId, [faceId], { name: "Somebody else" })
  if (split.kind !== "done") throw new Error(split.kind)
  const merged = rearrangements.merge(second.subjectId, split.done.subject.id)
  if (merged.kind !== "done") throw new Error(merged.kind)
  expect(rearrangements.undo(split.rearrangement.id).kind).toBe("undone")
  expect(rearrangements.undo(merged.rearrangement.id).kind).toBe("undone")
  expect(known(box, second.subjectId)).toEqual(before)
  expect(box.gallery.subject(first.subjectId)).toMatchObject({ faceCount: 2, groups: ["staff"] })
})

test("a memo that was damaged on the disk holds up no other merge, nor the erasure of whom it was about", async () => {
  await using box = await openPeopleBox({ vaultOf: (store) => sealedVaultOf(store) })
  const { rearrangements } = box.people
  const [first, second, third] = [plant(box, 1), plant(box, 2), plant(box, 3)]
  const merged = rearrangements.merge(first.subjectId, second.subjectId)
  if (merged.kind !== "done") throw new Error(merged.kind)
  box.store.prepare("update rearrangements set memo = zeroblob(length(memo))").run()
  expect(rearrangements.giveBackToErase(first.subjectId)).toBe(false)
  expect(rearrangements.merge(second.subjectId, third.subjectId).kind).toBe("done")
  expect(rearrangements.of(third.subjectId).map(({ otherId }) => otherId)).toEqual([second.subjectId])
  expect((await box.people.erase(third.subjectId)).kind).toBe("erased")
  expect(tracesIn(box.folder.path, [first, second, third])).toEqual([])
})

test("a merge into whom it was split off is not remembered as their own", async () => {
  await using box = await openPeopleBox()
  const { rearrangements } = box.people
  const { subjectId } = plant(box, 1)
  const faceId = known(box, subjectId).faces[1]?.id ?? ""
  const split = rearrangements.split(subjectId, [faceId], { name: "Somebody else" })
  if (split.kind !== "done") throw new Error(split.kind)
  const otherId = split.done.subject.id
  expect(rearrangements.merge(subjectId, otherId).kind).toBe("done")
  expect(rearrangements.of(otherId).map(({ kind }) => kind)).toEqual(["merge"])
})

test("some faces become somebody new, and come back", async () => {
  await using box = await openPeopleBox({ vaultOf: (store) => sealedVaultOf(store) })
  const { gallery, people } = box
  const { subjectId, name } = plant(box, 1)
  const before = known(box, subjectId)
  const moved = before.faces[1]?.id ?? ""
  const split = people.rearrangements.split(subjectId, [moved], { name: "Somebody else" })
  if (split.kind !== "done") throw new Error(split.kind)
  const other = split.done.subject
  expect(other).toMatchObject({ name: "Somebody else", faceCount: 1 })
  expect(gallery.subject(subjectId)).toMatchObject({ name, faceCount: 1 })
  expect(await nearest(box, moved)).toBe(other.id)
  expect(people.rearrangements.of(other.id)).toEqual([split.rearrangement])
  expect(people.rearrangements.split(subjectId, [moved], { name: "Again" })).toEqual({ kind: "no_face", faceId: moved })
  expect(people.rearrangements.undo(split.rearrangement.id)).toMatchObject({ kind: "undone" })
  expect(known(box, subjectId)).toEqual(before)
  expect(gallery.subject(other.id)).toBeUndefined()
})

test("erasing who was merged erases whom they were made of", async () => {
  await using box = await openPeopleBox()
  const [first, second] = [plant(box, 1), plant(box, 2)]
  box.people.rearrangements.merge(second.subjectId, first.subjectId)
  expect(await box.people.erase(first.subjectId)).toMatchObject({ kind: "erased" })
  expect(tracesIn(box.folder.path, [first, second])).toEqual([])
})

test("what was merged before there was a master key is sealed with all the rest, and undone afterwards", async () => {
  using folder = tempFolder()
  let box = await openPeopleBox({ folder })
  const [first, second] = [plant(box, 1), plant(box, 2)]
  const merged = box.people.rearrangements.merge(second.subjectId, first.subjectId)
  if (merged.kind !== "done") throw new Error(merged.kind)
  await box.close()
  const material = createMaterial()
  const env = { GATEHOUSE_MASTER_KEY: material.toHex() }
  const options = { dataFolder: folder.path, vault: { suite: "aes", keyFile: null } } as const
  const sealed = openBoxFolder(options, { log: silentLog, env })
  if (sealed.kind === "ok") sealed.value.store.close()
  expect(tracesIn(folder.path, [{ ...second, traces: { name: second.traces.name ?? new Uint8Array() } }])).toEqual([])

  box = await openPeopleBox({ folder, vaultOf: (store) => sealedVaultOf(store, "aes", material) })
  expect(box.people.rearrangements.undo(merged.rearrangement.id)).toMatchObject({ kind: "undone" })
  expect(box.gallery.subject(second.subjectId)).toMatchObject({ name: second.name, faceCount: 2 })
  await box.close()
})
