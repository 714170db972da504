import { describe, expect, test } from "bun:test"
import type { SightingCursor, SightingFilter } from "../../app/events/sighting.ts"
import { placesQuery } from "../../app/events/sighting-lists.ts"
import { face, type Memory, openMemory, record } from "./support.ts"

const picture = new Uint8Array([0xff, 0xd8, 1, 2, 3])

test("what is recorded is read back, with the name of the person as it is now", async () => {
  await using memory = await openMemory()
  const { gallery, sightings } = memory
  const ada = gallery.createSubject("Ada")
  const faces = [
    face({ decision: "match", subjectId: ada.id, similarity: 0.75 }),
    face({ decision: "uncertain", subjectId: ada.id, similarity: 0.5 }),
    face({ similarity: 0.1 }),
    face(),
  ]
  const recorded = record(sightings, { camera: "hall", capturedAtMs: 1234, faces, snapshot: picture })
  expect(sightings.get(recorded.id)).toEqual(recorded)
  expect(recorded).toMatchObject({ number: 1, camera: "hall", capturedAtMs: 1234, hasSnapshot: true })
  expect(recorded.faces.map(({ subjectId, name, similarity }) => [subjectId, name, similarity])).toEqual([
    [ada.id, "Ada", 0.75],
    [ada.id, "Ada", 0.5],
    [undefined, undefined, 0.1],
    [undefined, undefined, undefined],
  ])
  expect(sightings.snapshot(recorded.id)).toEqual(picture)

  gallery.updateSubject(ada.id, { name: "Ada Lovelace" })
  expect(sightings.get(recorded.id)?.faces[0]?.name).toBe("Ada Lovelace")
})

test("a deleted person is forgotten: no name, no id, and the decision as it was", async () => {
  await using memory = await openMemory()
  const { gallery, sightings } = memory
  const ada = gallery.createSubject("Ada")
  const faces = [face({ decision: "match", subjectId: ada.id, similarity: 0.75 }), face()]
  const { id } = record(sightings, { faces })
  gallery.deleteSubject(ada.id)
  const [whoWasAda, stranger] = sightings.get(id)?.faces ?? []
  expect(whoWasAda).toMatchObject({ decision: "match", similarity: 0.75, forgotten: true })
  expect(whoWasAda).not.toHaveProperty("name")
  expect(whoWasAda).not.toHaveProperty("subjectId")
  expect(stranger).not.toHaveProperty("forgotten")
  expect(sightings.list({ subjectId: ada.id }, 10).items).toEqual([])
})

test("a person deleted while the engines were at work is forgotten, and the sighting stays", async () => {
  await using memory = await openMemory()
  const subjectId = Bun.randomUUIDv7()
  const { faces } = record(memory.sightings, { faces: [face({ decision: "match", subjectId, similarity: 0.7 })] })
  expect(faces[0]).toMatchObject({ decision: "match", forgotten: true })
})

test("deleting a sighting takes its faces and its picture along", async () => {
  await using memory = await openMemory()
  const { sightings, store } = memory
  const { id } = record(sightings, { snapshot: picture })
  expect(sightings.delete(id)).toBe(true)
  expect(sightings.delete(id)).toBe(false)
  expect(sightings.get(id)).toBeUndefined()
  expect(sightings.snapshot(id)).toBeUndefined()
  for (const table of ["sightings", "sighting_faces", "sighting_snapshots"])
    expect(store.prepare(`select * from ${table}`).all()).toEqual([])
  expect(sightings.totals()).toEqual({ sightings: 0, bytes: 0 })
  expect(sightings.newestNumber()).toBe(1) // Never given to another.
  expect(record(sightings).number).toBe(2)
})

test("followers hear of a sighting once it is on disk, and of none that is not", async () => {
  await using memory = await openMemory()
  const { sightings, store } = memory
  const heard: number[] = []
  sightings.follow(({ number }) => heard.push(number))
  record(sightings)
  store.prepare("drop table sighting_faces").run()
  expect(() => record(sightings)).toThrow()
  expect(heard).toEqual([1])
  expect(store.prepare("select count(*) as count from sightings").get()).toEqual({ count: 1 })
})

test("a full disk is an outcome, and nothing half-recorded stays", async () => {
  await using memory = await openMemory()
  const { sightings, store } = memory
  const pages = store.prepare<{ page_count: number }>("pragma page_count").get()?.page_count ?? 0
  store.prepare(`pragma max_page_count = ${pages + 2}`).get()
  const recorded = sightings.record({ ...record(sightings), snapshot: new Uint8Array(100_000) })
  expect(recorded).toMatchObject({ kind: "not_recorded", why: expect.stringContaining("full") })
  expect(sightings.totals().sightings).toBe(1)
})

describe("filters", () => {
  /** Four frames a second: two cameras in turn, every third shows Ada, every fifth has no picture. */
  async function filled(): Promise<Memory & { readonly adaId: string }> {
    const memory = await openMemory()
    const adaId = memory.gallery.createSubject("Ada").id
    for (let n = 0; n < 60; n++) {
      const known = n % 3 === 0 ? [face({ decision: n % 6 === 0 ? "match" : "uncertain", subjectId: adaId })] : []
      record(memory.sightings, {
        camera: n % 2 === 0 ? "front" : "back",
        capturedAtMs: 1_000_000 + Math.floor(n / 4) * 1000,
        faces: [...known, face()],
        snapshot: n % 5 === 0 ? undefined : picture,
      })
    }
    return { ...memory, adaId }
  }

  const everything = Array.from({ length: 60 }, (_, i) => 60 - i)
  const numberOf = (n: number) => n - 1 // In the order of recording, from zero as above.

  test.each<[string, (adaId: string) => SightingFilter, (n: number) => boolean]>([
    ["none", () => ({}), () => true],
    ["camera", () => ({ camera: "back" }), (n) => n % 2 === 1],
    ["subject", (subjectId) => ({ subjectId }), (n) => n % 3 === 0],
    ["decision", () => ({ decision: "uncertain" }), (n) => n % 3 === 0 && n % 6 !== 0],
    ["subject and decision, of one face", (subjectId) => ({ subjectId, decision: "unknown" }), () => false],
    ["camera and decision", () => ({ camera: "front", decision: "match" }), (n) => n % 6 === 0],
    ["camera and subject", (subjectId) => ({ camera: "back", subjectId }), (n) => n % 2 === 1 && n % 3 === 0],
    ["time", () => ({ fromMs: 1_003_000, toMs: 1_005_000 }), (n) => n >= 12 && n < 20],
    ["no picture", () => ({ hasSnapshot: false }), (n) => n % 5 === 0],
    ["picture and subject", (subjectId) => ({ hasSnapshot: true, subjectId }), (n) => n % 5 !== 0 && n % 3 === 0],
    ["a camera there is none of", () => ({ camera: "nowhere" }), () => false],
  ])("%s, page by page", async (_what, filterOf, fits) => {
    await using memory = await filled()
    const filter = filterOf(memory.adaId)
    const numbers: number[] = []
    let after: SightingCursor | undefined
    do {
      const page = memory.sightings.list(filter, 7, after)
      numbers.push(...page.items.map(({ number }) => number))
      after = page.next
    } while (after !== undefined)
    expect(numbers).toEqual(everything.filter((number) => fits(numberOf(number))))
  })

  test("pages stay as they are while more is recorded and some is deleted", async () => {
    await using memory = await filled()
    const { sightings } = memory
    const first = sightings.list({}, 10)
    record(sightings, { capturedAtMs: 9_000_000 })
    sightings.delete(first.items.at(-1)?.id ?? "")
    const second = sightings.list({}, 10, first.next)
    expect(second.items.map(({ number }) => number)).toEqual(everything.slice(10, 20))
  })

  test("each combination walks one index and sorts nothing", async () => {
    await using memory = await openMemory()
    const all: SightingFilter = { camera: "a", subjectId: "b", decision: "match", fromMs: 1, toMs: 2, hasSnapshot: true }
    const names = Object.keys(all) as (keyof SightingFilter)[]
    for (let chosen = 0; chosen < 2 ** names.length; chosen++) {
      const filter = Object.fromEntries(names.filter((_, i) => (chosen >> i) & 1).map((name) => [name, all[name]]))
      for (const after of [undefined, { capturedAtMs: 3, number: 4 }]) {
        const { sql, values } = placesQuery(filter, after)
        const plan = memory.store.prepare<{ detail: string }>(`explain query plan ${sql}`).all(...values, 10)
        expect(plan.map(({ detail }) => detail).join("\n")).not.toContain("TEMP B-TREE")
      }
    }
  })
})
