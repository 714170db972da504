import { expect, test } from "bun:test"
import { paint, paintedSpace, personVector } from "../support/painted.ts"
import { openTestBox, type TestBox } from "./box.ts"

const nobody = "01900000-0000-7000-8000-000000000000"

async function enrolled(box: TestBox, name: string): Promise<string> {
  const { id } = (await box.json("POST", "/v1/subjects", { name })).json
  await box.json("POST", `/v1/subjects/${id}/faces`, { embedding: [...personVector(name)], space: paintedSpace })
  return id
}

const jpeg = (body: Uint8Array<ArrayBuffer>): RequestInit => ({ body, headers: { "content-type": "image/jpeg" } })
const likeAda = (likeness: number) => paint({ person: "Ada", likeness })

/** The one face of a picture. */
async function seen(box: TestBox, picture: Uint8Array<ArrayBuffer>, query = "") {
  const { status, json } = await box.ask("POST", `/v1/recognize${query}`, jpeg(picture))
  expect(status).toBe(200)
  return json.faces[0]
}

const notAda = (box: TestBox, id: string, picture: Uint8Array<ArrayBuffer>) =>
  box.ask("POST", `/v1/subjects/${id}/impostors`, jpeg(picture))

test("who was said not to be a person is not taken for that person again, and the person is", async () => {
  await using box = await openTestBox()
  const id = await enrolled(box, "Ada")
  expect((await seen(box, likeAda(0.7))).decision).toBe("match")

  const { status, json } = await notAda(box, id, likeAda(0.7))
  expect([status, json.subjectId, json.source, json.space]).toEqual([201, id, "picture", paintedSpace])

  const stranger = await seen(box, likeAda(0.7))
  expect([stranger.decision, stranger.match]).toEqual(["unknown", undefined])
  expect(stranger.candidates).toEqual([
    { subjectId: id, name: "Ada", similarity: expect.closeTo(0.7, 3), impostorSimilarity: expect.closeTo(1, 3) },
  ])
  const herself = await seen(box, likeAda(0.99))
  expect([herself.decision, herself.match.name]).toEqual(["match", "Ada"])
  // As good as equally near to both: a person should look.
  const between = await seen(box, likeAda(0.93))
  expect([between.decision, between.candidates[0].name]).toEqual(["uncertain", "Ada"])

  const { status: gone } = await box.ask("DELETE", `/v1/impostors/${json.id}`)
  expect(gone).toBe(204)
  expect((await seen(box, likeAda(0.7))).decision).toBe("match")
})

test("only that pair is lowered: whoever comes next may be a match, also where one candidate is asked for", async () => {
  await using box = await openTestBox()
  const [ada, twin] = [await enrolled(box, "Ada"), (await box.json("POST", "/v1/subjects", { name: "Twin" })).json.id]
  const twinFace = personVector("Ada", 0.8)
  await box.json("POST", `/v1/subjects/${twin}/faces`, { embedding: [...personVector("Ada", 0.65)], space: paintedSpace })
  const asked = { embedding: [...twinFace], space: paintedSpace }
  // Nearer to Ada than to the twin's own bad photograph would be a picture; make it so.
  const first = (await box.json("POST", "/v1/search", { ...asked, k: 2 })).json.candidates.map(
    (one: { name: string }) => one.name,
  )
  await box.json("POST", `/v1/subjects/${first[0] === "Ada" ? ada : twin}/impostors`, asked)
  for (const k of [1, 2]) {
    const { json } = await box.json("POST", "/v1/search", { ...asked, k })
    expect([json.decision, json.match?.name]).toEqual(["match", first[1]])
    expect(json.candidates.map((one: { name: string }) => one.name)).toEqual([first[1], first[0]].slice(0, k))
  }
})

test("a sighting names the face that was taken for the person, and is looked at once more", async () => {
  await using box = await openTestBox()
  const id = await enrolled(box, "Ada")
  const { sightingId } = (await box.ask("POST", "/v1/recognize?camera=door", jpeg(likeAda(0.7)))).json
  const said = (body: object) => box.json("POST", `/v1/subjects/${id}/impostors`, body)
  // The painted snapshot is a plain JPEG, which the painted engines cannot read: what a real engine would see is tested there.
  expect((await said({ sightingId })).status).toBe(415)
  expect((await said({ sightingId: nobody })).json.error).toMatchObject({
    code: "not_found",
    message: expect.stringContaining("no sighting"),
  })
  expect((await said({ sightingId, face: 7 })).json.error.message).toContain("say which")
  await box.ask("DELETE", `/v1/sightings/${sightingId}`)
  expect((await said({ sightingId })).json.error.message).toContain("no sighting")
})

test("they are listed by their person, leave with the person, and a repeated request makes no second one", async () => {
  await using box = await openTestBox()
  const id = await enrolled(box, "Ada")
  const vector = { embedding: [...personVector("Ada", 0.7)], space: paintedSpace }
  const init = {
    body: JSON.stringify(vector),
    headers: { "content-type": "application/json", "idempotency-key": "not-ada-1" },
  }
  const [first, again] = [
    await box.ask("POST", `/v1/subjects/${id}/impostors`, init),
    await box.ask("POST", `/v1/subjects/${id}/impostors`, init),
  ]
  expect(again.json).toEqual(first.json)
  expect(again.headers.get("idempotent-replayed")).toBe("true")
  const { json } = await box.ask("GET", `/v1/subjects/${id}/impostors`)
  expect(json.items).toEqual([first.json])
  expect(first.text).not.toContain("embedding")

  expect((await box.json("DELETE", `/v1/subjects/${id}`, {})).status).toBe(204)
  expect((await box.ask("GET", `/v1/subjects/${id}/impostors`)).status).toBe(404)
  expect((await box.ask("DELETE", `/v1/impostors/${first.json.id}`)).status).toBe(404)
})

test("what cannot be said is refused in words", async () => {
  await using box = await openTestBox()
  const id = await enrolled(box, "Ada")
  const vector = { embedding: [...personVector("Ada", 0.7)], space: paintedSpace }
  expect((await notAda(box, id, paint())).json.error.code).toBe("no_face")
  expect((await notAda(box, nobody, likeAda(0.7))).json.error.code).toBe("not_found")
  const wrong = { ...vector, space: "other@00000000/64" }
  expect((await box.json("POST", `/v1/subjects/${id}/impostors`, wrong)).json.error.code).toBe("wrong_space")
  for (let i = 0; i < 100; i++) expect((await box.json("POST", `/v1/subjects/${id}/impostors`, vector)).status).toBe(201)
  const { status, json } = await box.json("POST", `/v1/subjects/${id}/impostors`, vector)
  expect([status, json.error.details]).toEqual([409, { impostorsMax: 100 }])
})
