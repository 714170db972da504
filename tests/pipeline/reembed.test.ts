import { expect, test } from "bun:test"
import { silentLog } from "../../app/base/log.ts"
import { type Space, toUnit } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import type { Analyze } from "../../app/pipeline/analyze.ts"
import { createReembedding, type EmbedSide, type ReembeddingNeeds } from "../../app/pipeline/reembedding.ts"
import { openBox, until } from "../gallery/support.ts"

/** Two networks that have nothing in common but the length of their vectors: one that was taken for the other would name anybody. */
const before = "before@00000000/64" as Space
const after = "after@00000000/64" as Space

/** What a network sees in a picture: as many directions as there are pictures, and others in each space. */
function vectorOf(space: Space, picture: string): Float32Array {
  let state = Bun.hash.crc32(`${space} ${picture}`)
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    return ((state >>> 0) % 20_011) / 20_011 - 0.5
  }
  return toUnit(Array.from({ length: 64 }, next)) ?? new Float32Array(64)
}

const analyzeIn =
  (space: Space, asked: string[] = []): Analyze =>
  async ({ picture, options }) => {
    const text = Buffer.from(picture).toString()
    asked.push(text)
    if (text.startsWith("nothing")) return { kind: "refused", reason: "bad_image", why: "nothing in it" }
    expect(options.at?.landmarks).toBeDefined()
    const face = {
      box: { x: 0, y: 0, width: 9, height: 9 },
      score: 1,
      landmarks: options.at?.landmarks,
      embedding: vectorOf(space, text),
    }
    const timingsMs = { wait: 0, decode: 0, detect: 0, align: 0, embed: 0 }
    // Only what is read of an answer.
    return { kind: "ok", image: { width: 9, height: 9 }, faces: [face], degraded: [], timingsMs } as unknown as Awaited<
      ReturnType<Analyze>
    >
  }

function addFace(gallery: Gallery, subjectId: string, picture: string, space = before): string {
  const point = [1, 1] as const
  const chip = {
    jpeg: Buffer.from(picture),
    size: { width: 9, height: 9 },
    landmarks: [point, point, point, point, point] as const,
  }
  const added = gallery.addFace({ subjectId, space, vector: vectorOf(space, picture), source: "picture", chip })
  if (added.kind !== "added") throw new Error(added.kind)
  return added.face.id
}

function sideOf(set: string, space: Space, asked?: string[]): EmbedSide {
  return { set, space, match: 0.6, analyze: analyzeIn(space, asked), waiting: () => 0 }
}

function reembeddingOf(gallery: Gallery, asked: string[] = []) {
  let active = sideOf("old", before)
  const released: string[] = []
  const needs: ReembeddingNeeds = {
    gallery,
    active: () => active,
    open: async (set) =>
      set === "new" ? { kind: "ok", value: sideOf(set, after, asked) } : { kind: "failed", why: "no such set" },
    release: async ({ set }) => void released.push(set),
    serve: async (side) => {
      active = side
    },
    log: silentLog,
  }
  return { reembedding: createReembedding(needs), released, active: () => active }
}

const nearest = async (gallery: Gallery, space: Space, picture: string) =>
  (await gallery.search(space, vectorOf(space, picture), 1))[0]

test("every face with a picture is embedded again, found in both spaces as itself, and nowhere by the other's vector", async () => {
  await using box = await openBox()
  const { gallery } = box
  const people = Array.from({ length: 30 }, (_, i) => {
    const { id } = gallery.createSubject(`Person ${i}`)
    return { id, faceIds: [addFace(gallery, id, `a ${i}`), addFace(gallery, id, `b ${i}`)] }
  })
  const asked: string[] = []
  const { reembedding, active, released } = reembeddingOf(gallery, asked)
  expect(await reembedding.begin("nobody's")).toMatchObject({ kind: "failed" })
  expect(await reembedding.begin("old")).toMatchObject({ kind: "conflict" })
  expect(await reembedding.flip(false)).toEqual({ kind: "no_shadow" })
  expect(await reembedding.begin("new")).toEqual({ kind: "begun" })
  await until(() => reembedding.status().shadow?.agreement !== undefined, "the agreement is told")
  expect(reembedding.status().shadow).toMatchObject({
    set: "new",
    state: "filled",
    coverage: { faces: 60, covered: 60 },
    failed: 0,
  })
  expect(asked.toSorted()).toEqual(people.flatMap((_, i) => [`a ${i}`, `b ${i}`]).toSorted())

  for (const [i, { id, faceIds }] of people.entries())
    for (const space of [before, after])
      expect(await nearest(gallery, space, `b ${i}`)).toMatchObject({
        subjectId: id,
        faceId: faceIds[1],
        similarity: expect.closeTo(1, 5),
      })
  // What one network says of a face means nothing in the other's space.
  const crossed = await Promise.all(
    people.map(async (_, i) => (await gallery.search(after, vectorOf(before, `b ${i}`), 1))[0]?.similarity ?? 0),
  )
  expect(Math.max(...crossed)).toBeLessThan(0.75)

  // Twins are told to nobody.
  expect(gallery.counts()).toMatchObject({ subjects: 30, faces: 60 })
  expect(gallery.subject(people[0]?.id ?? "")?.faceCount).toBe(2)
  expect(gallery.facesOf(people[0]?.id ?? "", { limit: 10 })?.items.map(({ id }) => id)).toEqual(people[0]?.faceIds ?? [])

  expect(await reembedding.flip(false)).toEqual({ kind: "flipped" })
  expect(active().set).toBe("new")
  // Enrolled since: for the way back it is filled into the old space.
  const { id } = gallery.createSubject("Newcomer")
  addFace(gallery, id, "new one", after)
  expect(await reembedding.flip(false)).toMatchObject({ kind: "incomplete", coverage: { faces: 61, covered: 60 } })
  await until(() => reembedding.status().shadow?.state === "filled", "it is filled")
  await reembedding.begin("old")
  await until(() => reembedding.status().shadow?.coverage.covered === 61, "the newcomer is in both")
  expect(await reembedding.flip(false)).toEqual({ kind: "flipped" })
  expect(await nearest(gallery, before, "new one")).toMatchObject({ subjectId: id })
  await reembedding.end()
  expect(released).toEqual(["new"])
  expect(reembedding.status()).toEqual({ active: { set: "old", space: before } })
})

test("a face leaves with its twin, and a person with all of them; what cannot be embedded is counted and not tried for ever", async () => {
  await using box = await openBox()
  const { gallery } = box
  const { id } = gallery.createSubject("Ada")
  const [first] = [addFace(gallery, id, "one"), addFace(gallery, id, "two"), addFace(gallery, id, "nothing")]
  gallery.addFace({ subjectId: id, space: before, vector: vectorOf(before, "no picture"), source: "vector" })
  const { reembedding } = reembeddingOf(gallery)
  await reembedding.begin("new")
  await until(() => reembedding.status().shadow?.state === "filled", "it is filled")
  expect(reembedding.status().shadow).toMatchObject({ coverage: { faces: 4, covered: 2 }, failed: 1 })
  expect(await reembedding.flip(false)).toMatchObject({ kind: "incomplete" })
  expect(gallery.addTwin(first, { space: after, vector: vectorOf(after, "one") })).toBe(false)

  expect(gallery.deleteFace(first)).toBe(true)
  expect((await nearest(gallery, after, "one"))?.similarity).toBeLessThan(0.9)
  expect(gallery.coverage(after)).toEqual({ faces: 3, covered: 1 })
  gallery.deleteSubject(id)
  expect(await nearest(gallery, after, "two")).toBeUndefined()
  expect(box.store.prepare("select count(*) as rows from faces").get()).toEqual({ rows: 0 })
  await reembedding.close()
})
