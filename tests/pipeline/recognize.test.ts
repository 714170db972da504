import { expect, test } from "bun:test"
import { createMetrics } from "../../app/base/metrics.ts"
import { similarity } from "../../app/face/embedding.ts"
import type { Candidate } from "../../app/gallery/gallery.ts"
import type { Answer } from "../../app/inference/answer.ts"
import { type RecognizeNeeds, recognize } from "../../app/pipeline/recognize.ts"
import { paintedJudge } from "../support/judge.ts"
import { paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"

const options = { budgetMs: 1000, candidates: 3, faceWidthPxMin: 40, facesMax: 10 }

/** Knows these people by their own vectors and nothing else. */
const searchAmong =
  (...people: string[]): RecognizeNeeds["search"] =>
  async (_space, vector, count) =>
    people
      .map(
        (name): Candidate => ({
          subjectId: name,
          name,
          faceId: `${name}'s face`,
          similarity: similarity(personVector(name), vector),
        }),
      )
      .toSorted((a, b) => b.similarity - a.similarity)
      .slice(0, count)

const needs = (part: Partial<RecognizeNeeds> = {}): RecognizeNeeds => ({
  analyze: readPainted,
  search: searchAmong("Ada", "Grace"),
  space: paintedSpace,
  judge: paintedJudge,
  metrics: createMetrics(),
  ...part,
})

async function facesOf(picture: Uint8Array, given = needs(), more = {}) {
  const recognition = await recognize(picture, given, { ...options, ...more })
  if (recognition.kind !== "recognized") throw new Error(recognition.kind)
  return recognition.faces
}

test.each([
  [1, "match"],
  [0.6001, "match"],
  [0.5999, "uncertain"],
  [0.3001, "uncertain"],
  [0.2999, "unknown"],
] as const)("a likeness of %d is %s", async (likeness, decision) => {
  const [face] = await facesOf(paint({ person: "Ada", likeness }), needs({ search: searchAmong("Ada") }))
  expect(face?.decision).toBe(decision)
  expect(face?.match?.name).toBe(decision === "match" ? "Ada" : undefined)
  expect(face?.candidates).toMatchObject([{ name: "Ada" }])
})

test("every face is looked up by its own vector, and the order stays", async () => {
  const faces = await facesOf(
    paint({ person: "Grace", widthPx: 80 }, { person: "Ada", widthPx: 90 }, { person: "C", widthPx: 70 }),
  )
  expect(faces.map(({ match }) => match?.name)).toEqual(["Ada", "Grace", undefined])
})

test("the options reach the engines and the gallery", async () => {
  const asked: unknown[] = []
  await facesOf(
    paint({ person: "Ada" }),
    needs({
      analyze: (work) => {
        asked.push(work.options, Math.round((work.deadlineTickMs - performance.now()) / 100))
        return readPainted(work)
      },
      search: async (space, _vector, count) => {
        asked.push(space, count)
        return []
      },
    }),
  )
  expect(asked).toEqual([{ faceWidthPxMin: 40, facesMax: 10, embed: "all" }, 10, paintedSpace, 3])
})

test("a threshold of one's own decides for this request alone", async () => {
  const picture = paint({ person: "Ada", likeness: 0.5 })
  expect((await facesOf(picture, needs(), { threshold: 0.45 }))[0]?.decision).toBe("match")
  expect((await facesOf(picture))[0]?.decision).toBe("uncertain")
})

test("whatever the engines say instead of faces is handed on as it is, and nothing is looked up", async () => {
  const answers: Answer[] = [
    { kind: "overloaded", retryAfterS: 2 },
    { kind: "unavailable", retryAfterS: 1, why: "none is up" },
    { kind: "expired", retryAfterS: 1 },
    { kind: "refused", reason: "bad_image", why: "cut off" },
  ]
  for (const answer of answers) {
    const given = needs({
      analyze: async () => answer,
      search: () => {
        throw new Error("somebody was looked up")
      },
    })
    expect(await recognize(paint(), given, options)).toEqual(answer as never)
  }
})

test("an engine that forgot an embedding is a bug, not an unknown face", async () => {
  const forgetful: RecognizeNeeds["analyze"] = (work) => readPainted({ ...work, options: { ...work.options, embed: "none" } })
  await expect(recognize(paint({ person: "Ada" }), needs({ analyze: forgetful }), options)).rejects.toThrow("broken promise")
})
