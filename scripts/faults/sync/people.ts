import { z } from "zod"
import { createGauss, createRandom } from "../../../app/base/random.ts"
import { toUnit } from "../../../app/face/embedding.ts"
import type { SyncBox } from "./box.ts"

/** Loose: a box says more of itself. */
const systemBody = z.object({
  gallery: z.object({ subjects: z.int(), faces: z.int() }),
  models: z.object({ space: z.string() }),
})

export async function systemOf(box: SyncBox): Promise<z.output<typeof systemBody>> {
  return box.askJson(systemBody, "/v1/system")
}

/** Who can be enrolled: the same number is the same face, and no two numbers are alike. */
export interface People {
  readonly space: string
  vectorOf(number: number): Float32Array
  nameOf(number: number): string
}

export function createPeople(space: string, family = "Person"): People {
  const dimension = Number(space.split("/").at(-1))
  return {
    space,
    vectorOf(number) {
      const gauss = createGauss(createRandom(number * 2654435761 + family.length))
      return toUnit(Float32Array.from({ length: dimension }, gauss))!
    },
    nameOf: (number) => `${family} ${number}`,
  }
}

const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
})

export const postJson = json

const subjectBody = z.object({ id: z.string() })
const faceBody = z.object({ face: z.object({ id: z.string() }) })

/** Somebody new with one face. Throws when the box does not answer so. */
export async function enrol(box: SyncBox, people: People, number: number): Promise<{ subjectId: string; faceId: string }> {
  const { id } = await box.askJson(subjectBody, "/v1/subjects", json({ name: people.nameOf(number) }))
  const embedding = Array.from(people.vectorOf(number))
  const { face } = await box.askJson(faceBody, `/v1/subjects/${id}/faces`, json({ embedding, space: people.space }))
  return { subjectId: id, faceId: face.id }
}

/** … by a photograph; the picture that the box keeps of the face comes along. */
export async function enrolPicture(
  box: SyncBox,
  name: string,
  path: string,
): Promise<{ subjectId: string; faceId: string; jpeg: Uint8Array }> {
  const { id } = await box.askJson(subjectBody, "/v1/subjects", json({ name }))
  const sent = { method: "POST", headers: { "content-type": "image/jpeg" }, body: Bun.file(path) }
  const { face } = await box.askJson(faceBody, `/v1/subjects/${id}/faces`, sent)
  const jpeg = await (await box.ask(`/v1/faces/${face.id}/image.jpg`)).bytes()
  return { subjectId: id, faceId: face.id, jpeg }
}

const searchBody = z.object({
  candidates: z.array(z.object({ subjectId: z.string(), name: z.string(), similarity: z.number() })),
})

/** What rounding to a byte for each part takes from a similarity of one is far less; two people of these differ by most of it. */
const sameSimilarityMin = 0.99

/** Whom a box takes this face for; `undefined` when for nobody. */
export async function whoIs(
  box: SyncBox,
  people: People,
  number: number,
): Promise<{ subjectId: string; name: string } | undefined> {
  const asked = json({ embedding: Array.from(people.vectorOf(number)), space: people.space, k: 1 })
  const [first] = (await box.askJson(searchBody, "/v1/search", asked)).candidates
  return first !== undefined && first.similarity > sameSimilarityMin ? first : undefined
}
