import { expect, test } from "bun:test"
import type { NewSubject, Subject, SubjectsQuery } from "../../app/gallery/gallery.ts"
import type { SubjectChange } from "../../app/gallery/subject-details.ts"
import { enrol, type OpenBox, openBox, randomFrom, randomVector, spaceOf } from "./support.ts"

const space = spaceOf(32)

const everything: NewSubject = {
  name: "Ada",
  externalId: "hr-1815",
  metadata: { badge: 17, roles: ["guest", { floor: 2 }], home: { city: "London", cat: true } },
  groups: ["visitors", "engineers", "visitors"],
  validFromMs: 1000,
  validUntilMs: 2000,
  consentNote: "signed\nat the desk",
}

function add(box: OpenBox, fields: NewSubject): Subject {
  const added = box.gallery.addSubject(fields)
  if (added.kind !== "added") throw new Error(added.kind)
  return added.subject
}

function change(box: OpenBox, id: string, fields: SubjectChange): Subject {
  const updated = box.gallery.updateSubject(id, fields)
  if (updated.kind !== "updated") throw new Error(updated.kind)
  return updated.subject
}

test("everything said of a person is kept, over a restart too; what is not said is absent", async () => {
  await using box = await openBox()
  const ada = add(box, everything)
  expect(ada).toMatchObject({ ...everything, groups: ["engineers", "visitors"], version: 1, faceCount: 0 })
  const bare = add(box, { name: "Grace" })
  expect(Object.keys(bare).sort()).toEqual(
    ["id", "name", "metadata", "groups", "createdAtMs", "updatedAtMs", "version", "faceCount"].sort(),
  )
  await box.reopen()
  expect(box.gallery.subject(ada.id)).toEqual(ada)
  expect(box.gallery.subject(bare.id)).toEqual(bare)
})

test("a change touches what it names; null clears; metadata is merged, groups are replaced", async () => {
  await using box = await openBox()
  const ada = add(box, everything)
  expect(change(box, ada.id, { name: "Countess" })).toEqual({
    ...ada,
    name: "Countess",
    version: 2,
    updatedAtMs: expect.any(Number),
  })
  const merged = change(box, ada.id, { metadata: { badge: null, home: { city: null, garden: "large" }, roles: ["staff"] } })
  expect(merged.metadata).toEqual({ roles: ["staff"], home: { cat: true, garden: "large" } })
  expect(change(box, ada.id, { metadata: { home: 7 } }).metadata).toEqual({ roles: ["staff"], home: 7 })
  // As JSON carries it: a key of its own, not the prototype.
  const odd = JSON.parse(`{"__proto__":{"admin":true}}`)
  expect(JSON.stringify(change(box, ada.id, { metadata: odd }).metadata)).toContain(`"__proto__":{"admin":true}`)
  expect(change(box, ada.id, { groups: ["vip"] }).groups).toEqual(["vip"])
  const cleared = change(box, ada.id, {
    externalId: null,
    metadata: null,
    groups: null,
    validFromMs: null,
    validUntilMs: null,
    consentNote: null,
  })
  const { createdAtMs } = ada
  const updatedAtMs = expect.any(Number)
  expect(cleared).toEqual({
    ...{ id: ada.id, name: "Countess", metadata: {}, groups: [], createdAtMs, updatedAtMs, version: 7, faceCount: 0 },
  })
})

test("what does not go together is refused and changes nothing", async () => {
  await using box = await openBox()
  const ada = add(box, { name: "Ada", validFromMs: 1000, metadata: { note: "x".repeat(5000) } })
  const refused = (fields: SubjectChange) => box.gallery.updateSubject(ada.id, fields)
  expect(refused({ validUntilMs: 1000 })).toMatchObject({ kind: "unfit", why: expect.stringContaining("validFromMs (1000)") })
  expect(refused({ metadata: { more: "y".repeat(5000) } })).toMatchObject({
    kind: "unfit",
    why: expect.stringContaining("8192"),
  })
  expect(refused({ groups: Array.from({ length: 33 }, (_, i) => `g${i}`) })).toMatchObject({ kind: "unfit" })
  expect(box.gallery.addSubject({ name: "Grace", validFromMs: 2, validUntilMs: 1 })).toMatchObject({ kind: "unfit" })
  expect(box.gallery.subject(ada.id)).toEqual(ada)
  expect(box.gallery.counts().subjects).toBe(1)
})

test("an external id belongs to one person, and is free again when it is cleared or the person is deleted", async () => {
  await using box = await openBox()
  const ada = add(box, { name: "Ada", externalId: "7" })
  expect(box.gallery.addSubject({ name: "Grace", externalId: "7" })).toEqual({ kind: "external_id_taken", subjectId: ada.id })
  const grace = add(box, { name: "Grace", externalId: "8" })
  expect(box.gallery.updateSubject(grace.id, { externalId: "7" })).toEqual({ kind: "external_id_taken", subjectId: ada.id })
  expect(change(box, ada.id, { externalId: "7", name: "Ada King" }).externalId).toBe("7")
  change(box, ada.id, { externalId: null })
  expect(change(box, grace.id, { externalId: "7" }).externalId).toBe("7")
  box.gallery.deleteSubject(grace.id)
  expect(add(box, { name: "Mary", externalId: "7" }).externalId).toBe("7")
})

test("the version rises with every change of the person or of the faces", async () => {
  await using box = await openBox()
  const { id } = box.gallery.createSubject("Ada")
  const version = () => box.gallery.subject(id)?.version
  const added = box.gallery.addFace({ subjectId: id, space, vector: randomVector(32, randomFrom(1)), source: "vector" })
  if (added.kind !== "added") throw new Error(added.kind)
  expect(version()).toBe(2)
  change(box, id, { name: "Ada" })
  expect(version()).toBe(3)
  box.gallery.deleteFace(added.face.id)
  expect(version()).toBe(4)
  // A refused change is none.
  const tooLate = box.gallery.updateSubject(id, { name: "Late" }, (present) => present.version === 3)
  expect(tooLate).toMatchObject({ kind: "changed_since", subject: { name: "Ada", version: 4 } })
  expect(box.gallery.deleteSubject(id, (present) => present.version === 3)).toMatchObject({ kind: "changed_since" })
  expect(version()).toBe(4)
  expect(box.gallery.deleteSubject(id, (present) => present.version === 4)).toEqual({ kind: "deleted" })
})

test("lists by name, group and external id, alone and together, in pages", async () => {
  await using box = await openBox()
  const people = Array.from({ length: 40 }, (_, i) =>
    add(box, {
      name: i % 2 === 0 ? "Even" : "Odd",
      externalId: `n${i}`,
      groups: [...(i % 4 === 0 ? ["fours"] : []), ...(i % 3 === 0 ? ["threes"] : [])],
    }),
  )
  const numbers = (asked: Omit<SubjectsQuery, "limit">, limit = 3) => {
    const found: number[] = []
    for (let after: string | undefined; ; ) {
      const page = box.gallery.subjects({ ...asked, limit, after })
      expect(page.items.length).toBeLessThanOrEqual(limit)
      found.push(...page.items.map(({ externalId }) => Number(externalId?.slice(1))))
      if (page.next === undefined) return found
      after = page.next
    }
  }
  const all = people.map((_, i) => i)
  expect(numbers({})).toEqual(all)
  expect(numbers({ name: "Even" })).toEqual(all.filter((i) => i % 2 === 0))
  expect(numbers({ group: "threes" })).toEqual(all.filter((i) => i % 3 === 0))
  expect(numbers({ group: "threes", name: "Odd" })).toEqual(all.filter((i) => i % 3 === 0 && i % 2 === 1))
  expect(numbers({ externalId: "n9" })).toEqual([9])
  expect(numbers({ externalId: "n9", group: "threes", name: "Odd" })).toEqual([9])
  expect(numbers({ externalId: "n9", group: "fours" })).toEqual([])
  expect(numbers({ group: "nobody" })).toEqual([])
})

test("pages tell everybody who stays once, while others come and go between them", async () => {
  await using box = await openBox()
  const people = Array.from({ length: 30 }, (_, i) => add(box, { name: `Person ${i}`, groups: ["all"] }))
  const staying = people.filter((_, i) => i % 3 !== 2).map(({ id }) => id)
  for (const group of [undefined, "all"]) {
    const told: string[] = []
    let after: string | undefined
    do {
      const page = box.gallery.subjects({ limit: 4, after, group })
      told.push(...page.items.map(({ id }) => id))
      after = page.next
      // Also the very one that the next page begins after.
      const leaving = people.find(
        ({ id }) => !staying.includes(id) && told.includes(id) && box.gallery.subject(id) !== undefined,
      )
      if (leaving !== undefined) box.gallery.deleteSubject(leaving.id)
      if (told.length < 40) add(box, { name: "Newcomer", groups: ["all"] })
    } while (after !== undefined)
    expect(told.filter((id) => staying.includes(id))).toEqual(staying)
    expect(new Set(told).size).toBe(told.length)
  }
})

test("faces of a person come in pages too", async () => {
  await using box = await openBox()
  const random = randomFrom(2)
  const other = enrol(box.gallery, "Grace", space, [randomVector(32, random)])
  const { subjectId, faceIds } = enrol(
    box.gallery,
    "Ada",
    space,
    Array.from({ length: 7 }, () => randomVector(32, random)),
  )
  const first = box.gallery.facesOf(subjectId, { limit: 3 })
  expect(first?.items.map(({ id }) => id)).toEqual(faceIds.slice(0, 3))
  box.gallery.deleteFace(first?.next ?? "")
  const second = box.gallery.facesOf(subjectId, { limit: 3, after: first?.next })
  expect(second?.items.map(({ id }) => id)).toEqual(faceIds.slice(3, 6))
  const third = box.gallery.facesOf(subjectId, { limit: 3, after: second?.next })
  expect(third).toEqual({ items: [expect.objectContaining({ id: faceIds[6] })] })
  expect(box.gallery.facesOf(other.subjectId, { limit: 1 })?.items).toHaveLength(1)
  expect(box.gallery.facesOf(other.subjectId, { limit: 1, after: other.faceIds[0] })).toEqual({ items: [] })
})
