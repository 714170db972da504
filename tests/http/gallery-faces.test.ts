import { expect, test } from "bun:test"
import { recognitionOptions } from "../../app/pipeline/options.ts"
import { paint, paintedChip, paintedSpace, personVector } from "../support/painted.ts"
import { openTestBox, type TestBox } from "./box.ts"

const nobody = "01900000-0000-7000-8000-000000000000"

async function create(box: TestBox, fields: object): Promise<string> {
  return (await box.json("POST", "/v1/subjects", fields)).json.id
}

async function enrol(box: TestBox, subjectId: string, person: string, likeness = 1) {
  const { status, json } = await box.ask("POST", `/v1/subjects/${subjectId}/faces`, {
    body: paint({ person, likeness }),
    headers: { "content-type": "image/jpeg" },
  })
  expect(status).toBe(201)
  return json
}

const enrolVector = (box: TestBox, subjectId: string, person: string, likeness = 1) =>
  box.json("POST", `/v1/subjects/${subjectId}/faces`, { embedding: [...personVector(person, likeness)], space: paintedSpace })

test("the picture of an enrolled face is kept and shown, until the face goes", async () => {
  await using box = await openTestBox()
  const id = await create(box, { name: "Ada" })
  const { face } = await enrol(box, id, "Ada")
  expect(face.hasImage).toBe(true)
  const image = await box.ask("GET", `/v1/faces/${face.id}/image.jpg`)
  expect([image.status, image.headers.get("content-type"), image.headers.get("cache-control")]).toEqual([
    ...[200, "image/jpeg", "no-store"],
  ])
  expect(image.bytes).toEqual(new Uint8Array(paintedChip("Ada").jpeg))
  expect((await box.askWithoutKey("GET", `/v1/faces/${face.id}/image.jpg`)).status).toBe(401)

  const vector = (await enrolVector(box, id, "Ada")).json.face
  expect(vector.hasImage).toBe(false)
  const none = await box.ask("GET", `/v1/faces/${vector.id}/image.jpg`)
  expect([none.status, none.json.error.code]).toEqual([404, "not_found"])
  expect(none.json.error.message).toContain("keepFaceImages")
  const listed = (await box.ask("GET", `/v1/subjects/${id}/faces`)).json.items
  expect(listed.map((one: { hasImage: boolean }) => one.hasImage)).toEqual([true, false])

  expect((await box.ask("GET", `/v1/faces/${nobody}/image.jpg`)).json.error.message).toContain("no face")
  await box.ask("DELETE", `/v1/faces/${face.id}`)
  expect((await box.ask("GET", `/v1/faces/${face.id}/image.jpg`)).status).toBe(404)
})

test("a box told to keep no pictures keeps none, and asks the engines for none", async () => {
  await using box = await openTestBox({ recognition: recognitionOptions.parse({ enrolment: { keepFaceImages: false } }) })
  const { face } = await enrol(box, await create(box, { name: "Ada" }), "Ada")
  expect(face.hasImage).toBe(false)
  expect((await box.ask("GET", `/v1/faces/${face.id}/image.jpg`)).status).toBe(404)
})

test("the enrolment says who else looks so, nearest first, and is never stopped by it", async () => {
  await using box = await openTestBox()
  const people: Record<string, string> = {}
  // Thresholds of the test box: match 0.6, uncertain 0.3.
  for (const [name, likeness] of [
    ...[["Match", 0.9] as const, ["Just a match", 0.61] as const, ["Uncertain", 0.31] as const],
    ...[["Stranger", 0.29] as const, ["Expired", 0.95] as const],
  ]) {
    const id = await create(box, { name, ...(name === "Expired" ? { validUntilMs: 1 } : {}) })
    people[name] = id
    await enrolVector(box, id, "Ada", likeness)
  }
  const ada = await create(box, { name: "Ada" })
  const first = await enrol(box, ada, "Ada")
  expect(first.lookAlikes).toEqual([
    { subjectId: people.Match, name: "Match", similarity: expect.closeTo(0.9, 4), decision: "match" },
    { subjectId: people["Just a match"], name: "Just a match", similarity: expect.closeTo(0.61, 4), decision: "match" },
    { subjectId: people.Uncertain, name: "Uncertain", similarity: expect.closeTo(0.31, 4), decision: "uncertain" },
  ])
  // The own other faces are no look-alikes.
  const second = (await enrolVector(box, ada, "Ada")).json
  expect(second.lookAlikes.map((one: { name: string }) => one.name)).toEqual(["Match", "Just a match", "Uncertain"])
  expect((await enrol(box, await create(box, { name: "Grace" }), "Grace")).lookAlikes).toEqual([])
})

test("at most five look-alikes are told", async () => {
  await using box = await openTestBox()
  for (let i = 0; i < 7; i++) await enrolVector(box, await create(box, { name: `Twin ${i}` }), "Ada", 0.9 - i / 20)
  const { lookAlikes } = await enrol(box, await create(box, { name: "Ada" }), "Ada")
  expect(lookAlikes.map((one: { name: string }) => one.name)).toEqual([0, 1, 2, 3, 4].map((i) => `Twin ${i}`))
})

test("an expired person is no candidate in any answer, and comes back when the time is moved", async () => {
  await using box = await openTestBox()
  const id = await create(box, { name: "Ada", validUntilMs: Date.now() - 1 })
  await enrol(box, id, "Ada")
  const recognize = async () =>
    (await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: { "content-type": "image/jpeg" } })).json
      .faces[0]
  const search = async () =>
    (await box.json("POST", "/v1/search", { embedding: [...personVector("Ada")], space: paintedSpace })).json
  expect(await recognize()).toMatchObject({ decision: "unknown", candidates: [] })
  expect(await search()).toMatchObject({ decision: "unknown", candidates: [] })
  await box.json("PATCH", `/v1/subjects/${id}`, { validUntilMs: null })
  expect(await recognize()).toMatchObject({ decision: "match", match: { subjectId: id } })
  await box.json("PATCH", `/v1/subjects/${id}`, { validFromMs: Date.now() + 3_600_000 })
  expect(await search()).toMatchObject({ decision: "unknown", candidates: [] })
})
