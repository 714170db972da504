import { expect, test } from "bun:test"
import type { Sighting } from "../../app/events/sighting.ts"
import type { AnalyzedFace } from "../../app/face/face.ts"
import type { NewImpostor } from "../../app/gallery/impostors.ts"
import type { Work } from "../../app/inference/work.ts"
import { type RuleOutNeeds, ruleOut } from "../../app/pipeline/rule-out.ts"
import { paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"

const options = { budgetMs: 1000, faceWidthPxMin: 32, facesMax: 10, faces: "largest" } as const
const id = "01900000-0000-7000-8000-000000000001"
const subjectId = "01900000-0000-7000-8000-00000000000a"

const seenFace = (x: number, width: number, taken?: string): Sighting["faces"][number] => ({
  box: { x, y: 100, width, height: width },
  score: 0.9,
  qualityScore: 0.8,
  decision: taken === undefined ? "unknown" : "match",
  ...(taken !== undefined && { subjectId: taken, similarity: 0.7 }),
})

const sighting: Sighting = {
  ...{ id, number: 1, camera: "door", requestId: "r", capturedAtMs: 1, recordedAtMs: 1, hasSnapshot: true },
  image: { width: 1920, height: 1080 },
  faces: [seenFace(100, 200), seenFace(900, 150, subjectId)],
}

/** The engines see the same faces in a picture of a third of the size, in another order, a little off. */
function needs(faces: readonly [string, number, number][], added: NewImpostor[], asked: Work[] = []): RuleOutNeeds {
  return {
    analyze: async (work) => {
      asked.push(work)
      const painted = await readPainted({ ...work, picture: paint({ person: "x" }) })
      if (painted.kind !== "ok") return painted
      const found = faces.map(
        ([person, x, width]): AnalyzedFace => ({
          ...painted.faces[0]!,
          box: { x, y: 33, width, height: width },
          embedding: personVector(person),
        }),
      )
      return { ...painted, image: { width: 640, height: 360 }, faces: found }
    },
    sightings: { get: (asked) => (asked === id ? sighting : undefined), snapshot: () => new Uint8Array([1]) },
    add: (impostor) => {
      added.push(impostor)
      const { vector: _, ...rest } = impostor
      return { kind: "added", impostor: { ...rest, id, createdAtMs: 1 } }
    },
    space: paintedSpace,
  }
}

test("the face that was taken for the person is found again in the smaller picture that was kept", async () => {
  const [added, asked]: [NewImpostor[], Work[]] = [[], []]
  const faces: [string, number, number][] = [
    ["Grace", 34, 66],
    ["Stranger", 302, 49],
  ]
  const given = { kind: "sighting", sightingId: id } as const
  expect((await ruleOut(given, subjectId, needs(faces, added, asked), options)).kind).toBe("added")
  expect(added).toEqual([{ subjectId, space: paintedSpace, source: "sighting", vector: personVector("Stranger") }])
  expect(asked[0]?.options.faceWidthPxMin).toBeLessThan(32)
  await ruleOut({ ...given, face: 0 }, subjectId, needs(faces, added), options)
  expect(added[1]?.vector).toEqual(personVector("Grace"))
})

test("a face that is not found where it was seen is not replaced by another one", async () => {
  const added: NewImpostor[] = []
  const given = { kind: "sighting", sightingId: id } as const
  const elsewhere = await ruleOut(given, subjectId, needs([["Grace", 34, 66]], added), options)
  expect(elsewhere).toMatchObject({ kind: "no_sighting", why: expect.stringContaining("not found again") })
  const untaken = await ruleOut(given, "01900000-0000-7000-8000-00000000000b", needs([], added), options)
  expect(untaken).toMatchObject({ kind: "no_sighting", why: expect.stringContaining("say which") })
  const without = { ...needs([], added), sightings: { get: () => sighting, snapshot: () => undefined } }
  expect(await ruleOut(given, subjectId, without, options)).toMatchObject({
    why: expect.stringContaining("no picture is kept"),
  })
  expect(added).toEqual([])
})
