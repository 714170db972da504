import { describe, expect, test } from "bun:test"
import { plant, space, tracesIn } from "../../people/support.ts"
import { enrol, found, openGalleryBox, openSiteOf, pictureOf } from "./support.ts"

const forms = [
  ["in the clear", false],
  ["sealed", true],
] as const

describe.each(forms)("erased, %s", (_, isSealed) => {
  test("at one box: gone at the other with everything that it had seen, byte by byte, with receipts of both", async () => {
    await using site = await openSiteOf(2, { isSealed, chips: true })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const [leaving, staying] = [plant(a, 1), plant(a, 2)]
    await site.agree()
    expect(b.gallery.subject(leaving.subjectId)).toMatchObject({ name: leaving.name, faceCount: 2 })
    // What the other box saw of the person by itself.
    const frame = {
      camera: "gate",
      requestId: crypto.randomUUID(),
      capturedAtMs: 1_700_000_000_000,
      image: { width: 9, height: 9 },
    }
    const seen = { box: { x: 1, y: 1, width: 5, height: 5 }, score: 0.9, qualityScore: 0.8, similarity: 0.7 }
    const face = { ...seen, decision: "match" as const, subjectId: leaving.subjectId }
    const snapshot = crypto.getRandomValues(Buffer.alloc(4000))
    expect(b.sightings.record({ ...frame, faces: [face], snapshot }).kind).toBe("recorded")
    const traces = { ...leaving.traces, "seen elsewhere": snapshot }
    if (!isSealed) expect(tracesIn(b.folder.path, [{ ...leaving, traces }]).length).toBeGreaterThan(3)

    expect((await a.people.erase(leaving.subjectId, 20_000)).kind).toBe("erased")
    await site.agree()
    expect(b.gallery.subject(leaving.subjectId)).toBeUndefined()
    expect((await b.people.erase(leaving.subjectId, 20_000)).kind).toBe("erased")
    expect(b.people.erasure(leaving.subjectId)?.receipt?.body).toMatchObject({
      subjectId: leaving.subjectId,
      rows: { sightings: 1 },
    })
    for (const box of [a, b]) {
      expect(tracesIn(box.folder.path, [{ ...leaving, traces }])).toEqual([])
      expect(box.gallery.subject(staying.subjectId)?.faceCount).toBe(2)
    }
    expect(pictureOf(b)).toEqual(pictureOf(a))
  })

  test("while somebody else adds a face and changes the name, offline: gone everywhere all the same", async () => {
    await using site = await openSiteOf(3, { isSealed })
    const [a, b, c] = [site.boxes[0]!, site.boxes[1]!, site.boxes[2]!]
    const nora = enrol(a, "Nora")
    await site.agree()
    await a.people.erase(nora.subjectId, 20_000)
    b.gallery.updateSubject(nora.subjectId, { name: "Nora, later" })
    c.people.rearrangements.merge(enrol(c, "Ines").subjectId, nora.subjectId)
    await site.agree()
    for (const box of site.boxes) {
      expect(await found(box, nora.vector)).toBeUndefined()
      expect(box.gallery.counts()).toMatchObject({ subjects: 0, faces: 0 })
      expect(box.people.erasure(nora.subjectId)?.receipt).toBeDefined()
    }
  })
})

describe.each(forms)("erased at one box, %s, while another one makes them part of somebody else", (_, isSealed) => {
  test("whose faces they are then: they leave everywhere, and what was the other person's stays", async () => {
    await using site = await openSiteOf(3, { isSealed, chips: true })
    const [a, b, c] = [site.boxes[0]!, site.boxes[1]!, site.boxes[2]!]
    const [leaving, staying] = [plant(a, 1), plant(a, 2)]
    const number = a.gallery.subject(leaving.subjectId)?.externalId ?? ""
    await site.agree()
    expect(b.people.rearrangements.merge(leaving.subjectId, staying.subjectId).kind).toBe("done")
    // Somebody else has got the number since: whoever was merged cannot be made as they were.
    enrol(b, "Later", { externalId: number })
    // The merge is known at a third box before the erasure is, and at the one that erases only afterwards.
    await b.talk()
    await c.talk()
    expect(c.gallery.subject(staying.subjectId)?.faceCount).toBe(4)
    expect((await a.people.erase(leaving.subjectId, 20_000)).kind).toBe("erased")
    await site.agree()
    await b.people.erase(leaving.subjectId, 20_000)
    expect(b.people.erasure(leaving.subjectId)?.receipt).toBeDefined()
    for (const box of site.boxes) {
      expect(box.gallery.subject(leaving.subjectId)).toBeUndefined()
      expect(box.gallery.subject(staying.subjectId)).toMatchObject({ name: staying.name, faceCount: 2 })
      expect(box.people.rearrangements.of(staying.subjectId)).toEqual([])
      expect(pictureOf(box)).toEqual(pictureOf(a))
    }
    const { externalId: _taken, ...traces } = leaving.traces
    expect(tracesIn(b.folder.path, [{ ...leaving, traces }])).toEqual([])
    // Not by the next start, and not by what the hub still has.
    await site.agree()
    for (const box of site.boxes) expect(box.gallery.counts()).toMatchObject({ subjects: 2, faces: 3 })
  })

  test("who became part of a third one: all the same", async () => {
    await using site = await openSiteOf(2, { isSealed })
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const [nora, ines, olga] = [enrol(a, "Nora"), enrol(a, "Ines"), enrol(a, "Olga")]
    await site.agree()
    b.people.rearrangements.merge(nora.subjectId, ines.subjectId)
    b.people.rearrangements.merge(ines.subjectId, olga.subjectId)
    await a.people.erase(nora.subjectId, 20_000)
    await site.agree()
    for (const box of site.boxes) {
      expect(await found(box, nora.vector)).toBeUndefined()
      expect(await found(box, ines.vector)).toMatchObject({ subjectId: olga.subjectId })
      expect(box.gallery.counts()).toMatchObject({ subjects: 1, faces: 2 })
    }
  })

  test("and is killed right after it heard of it: the next start goes on", async () => {
    await using site = await openSiteOf(1, { isSealed })
    const a = site.boxes[0]!
    const [nora, ines] = [enrol(a, "Nora"), enrol(a, "Ines")]
    await a.talk()
    const b = await openGalleryBox("0b0b0b0b", site.keys, site.line, { isSealed })
    using folder = b.folder
    await b.talk()
    b.people.rearrangements.merge(nora.subjectId, ines.subjectId)
    await b.close()
    await a.people.erase(nora.subjectId, 20_000)
    await a.talk()
    const deaf = await openGalleryBox("0b0b0b0b", site.keys, site.line, { folder, isSealed, hearsErasures: false })
    await deaf.talk()
    expect(await found(deaf, nora.vector)).toMatchObject({ subjectId: ines.subjectId })
    await deaf.close()
    await using again = await openGalleryBox("0b0b0b0b", site.keys, site.line, { folder, isSealed })
    expect(await found(again, nora.vector)).toBeUndefined()
    await again.talk()
    await a.talk()
    expect(await found(a, nora.vector)).toBeUndefined()
    expect(await found(a, ines.vector)).toMatchObject({ subjectId: ines.subjectId })
  })
})

test("whoever was merged at one box and comes back by another's edit is erased for good: to undo the merge makes nobody anew", async () => {
  await using site = await openSiteOf(2)
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const [nora, ines] = [enrol(a, "Nora"), enrol(a, "Ines")]
  await site.agree()
  const merged = a.people.rearrangements.merge(nora.subjectId, ines.subjectId)
  if (merged.kind !== "done") throw new Error(merged.kind)
  await Bun.sleep(3)
  b.gallery.updateSubject(nora.subjectId, { name: "Nora again" })
  await b.talk()
  expect((await b.people.erase(nora.subjectId, 20_000)).kind).toBe("erased")
  await site.agree()
  expect(a.people.rearrangements.undo(merged.rearrangement.id)).toEqual({ kind: "no_rearrangement" })
  expect((await a.people.erase(nora.subjectId, 20_000)).kind).toBe("erased")
  await site.agree()
  for (const box of [a, b]) expect(box.gallery.subject(nora.subjectId)).toBeUndefined()
})

test("a kill between another box's word and the last trace: the next start goes on", async () => {
  await using site = await openSiteOf(1)
  const a = site.boxes[0]!
  const nora = plant(a, 7)
  await a.talk()
  const b = await openGalleryBox("0b0b0b0b", site.keys, site.line)
  using folder = b.folder
  await b.talk()
  b.sightings.record({
    ...{ camera: "gate", requestId: "r", capturedAtMs: 1_700_000_000_000, image: { width: 9, height: 9 } },
    faces: [
      {
        box: { x: 1, y: 1, width: 5, height: 5 },
        score: 1,
        qualityScore: 1,
        decision: "match",
        subjectId: nora.subjectId,
        similarity: 1,
      },
    ],
  })
  await a.people.erase(nora.subjectId, 20_000)
  await a.talk()
  // As if killed right after the commit: nobody hears of it in this process.
  const deaf = await openGalleryBox("0b0b0b0b", site.keys, site.line, { folder, hearsErasures: false })
  await deaf.talk()
  expect(await deaf.gallery.search(space, new Float32Array(64).fill(1), 1)).toEqual([])
  expect(b.sightings.list({ subjectId: nora.subjectId }, 10).items).toHaveLength(1)
  await Promise.all([deaf.close(), b.close()])

  await using again = await openGalleryBox("0b0b0b0b", site.keys, site.line, { folder })
  expect(again.gallery.subject(nora.subjectId)).toBeUndefined()
  expect(again.sightings.list({}, 10).items).toHaveLength(0)
  expect((await again.people.erase(nora.subjectId, 20_000)).kind).toBe("erased")
})
