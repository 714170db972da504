import { expect, test } from "bun:test"
import type { AddedFace, GalleryFace, NewFace, Subject } from "../../app/gallery/gallery.ts"
import { type EnrolNeeds, enrol, enrolVector } from "../../app/pipeline/enrol.ts"
import { verify } from "../../app/pipeline/verify.ts"
import { type PaintedFace, paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"

const ada: Subject = {
  id: "ada",
  name: "Ada",
  metadata: {},
  groups: [],
  createdAtMs: 0,
  updatedAtMs: 0,
  version: 1,
  faceCount: 0,
}
const options = { budgetMs: 1000, faceWidthPxMin: 32, facesMax: 10, faces: "largest", qualityScoreMin: 0.2 } as const

/** Needs that remember what was added. */
function remembering(part: Partial<EnrolNeeds> = {}) {
  const added: NewFace[] = []
  const needs: EnrolNeeds = {
    analyze: readPainted,
    subject: (id) => (id === ada.id ? ada : undefined),
    addFace: (face): AddedFace => {
      added.push(face)
      const { vector: _vector, chip, ...rest } = face
      return {
        kind: "added",
        face: { id: "face", createdAtMs: 0, hasImage: chip !== undefined, ...rest } satisfies GalleryFace,
      }
    },
    lookAlikes: async () => [],
    thresholds: { match: 0.6, uncertain: 0.3 },
    space: paintedSpace,
    ...part,
  }
  return { needs, added }
}

test("the largest face is added with its own vector and quality", async () => {
  const { needs, added } = remembering()
  const enrolment = await enrol(paint({ person: "B", widthPx: 45 }, { person: "Ada", widthPx: 100 }), "ada", needs, options)
  expect(enrolment).toMatchObject({ kind: "enrolled", ignoredFaces: [{ box: { width: 45 } }] })
  expect(added).toMatchObject([{ subjectId: "ada", space: paintedSpace, source: "picture", quality: { faceWidthPx: 100 } }])
  expect(added[0]?.vector).toEqual(personVector("Ada"))
})

test("an unknown subject costs no engine", async () => {
  const { needs } = remembering({
    analyze: () => {
      throw new Error("an engine was asked")
    },
  })
  expect(await enrol(paint(), "nobody", needs, options)).toEqual({ kind: "no_subject" })
})

const width = (widthPx: number): PaintedFace => ({ person: `p${widthPx}`, widthPx })

test.each([
  [[100], "enrolled", "enrolled"],
  [[], "no_face", "no_face"],
  [[100, 49.9], "enrolled", "several_faces"],
  [[100, 50], "several_faces", "several_faces"],
  [[100, 100], "several_faces", "several_faces"],
  [[100, 31], "enrolled", "enrolled"],
])("faces %p wide: %s, and %s when single", async (widths, largest, single) => {
  const picture = paint(...widths.map(width))
  for (const [faces, expected] of [
    ["largest", largest],
    ["single", single],
  ] as const) {
    const { needs, added } = remembering()
    expect((await enrol(picture, "ada", needs, { ...options, faces })).kind).toBe(expected as "enrolled")
    expect(added).toHaveLength(expected === "enrolled" ? 1 : 0)
  }
})

test.each([
  [0.19, "low_quality"],
  [0.2, "enrolled"],
])("a quality score of %d: %s", async (qualityScore, kind) => {
  const { needs } = remembering()
  expect((await enrol(paint({ person: "Ada", qualityScore }), "ada", needs, options)).kind).toBe(kind as "enrolled")
})

test("a vector is made a unit vector before it is added", async () => {
  const { needs, added } = remembering()
  const values = personVector("Ada").map((part) => part * 7)
  expect((await enrolVector({ values, space: paintedSpace }, "ada", needs)).kind).toBe("enrolled")
  expect(added).toMatchObject([{ source: "vector", space: paintedSpace }])
  const own = personVector("Ada")
  for (const [i, part] of (added[0]?.vector ?? []).entries()) expect(part).toBeCloseTo(own[i] ?? 0, 6)
  expect((await enrolVector({ values, space: "other@00000000/64" }, "ada", needs)).kind).toBe("wrong_space")
  expect((await enrolVector({ values: values.slice(1), space: paintedSpace }, "ada", needs)).kind).toBe("wrong_space")
  expect((await enrolVector({ values: values.fill(0), space: paintedSpace }, "ada", needs)).kind).toBe("bad_vector")
  expect(added).toHaveLength(1)
})

const compare = (a: readonly PaintedFace[], b: readonly PaintedFace[], analyze = readPainted) =>
  verify(paint(...a), paint(...b), { analyze, thresholds: { match: 0.6, uncertain: 0.3 } }, options)

test("two pictures are compared by the largest face of each", async () => {
  const crowd = [width(30), { person: "Ada", widthPx: 100 }, width(40)]
  expect(await compare(crowd, [{ person: "Ada" }])).toMatchObject({
    kind: "compared",
    decision: "same",
    similarity: expect.closeTo(1, 5),
  })
  expect(await compare([{ person: "Ada" }], [{ person: "Grace" }])).toMatchObject({ decision: "different" })
})

test("the side at fault is named; when both are, the first", async () => {
  expect(await compare([], [])).toEqual({ kind: "not_compared", side: "a", outcome: { kind: "no_face" } })
  expect(await compare([{ person: "Ada" }], [])).toMatchObject({ side: "b", outcome: { kind: "no_face" } })
  expect(await compare([{ person: "Ada" }], [width(90), width(80)])).toMatchObject({
    side: "b",
    outcome: { kind: "several_faces" },
  })
  const overloaded = async () => ({ kind: "overloaded", retryAfterS: 1 }) as const
  expect(await compare([], [], overloaded)).toMatchObject({ side: "a", outcome: { kind: "overloaded" } })
})
