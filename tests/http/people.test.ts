import { expect, test } from "bun:test"
import { unzipSync } from "fflate"
import { personVector } from "../support/painted.ts"
import { openTestBox, type TestBox } from "./box.ts"

async function addPerson(box: TestBox, name: string): Promise<{ id: string; faceIds: string[] }> {
  const { id } = (await box.json("POST", "/v1/subjects", { name })).json
  const faceIds: string[] = []
  for (const likeness of [1, 0.9]) {
    const body = { embedding: [...personVector(name, likeness)], space: box.needs.models.space }
    faceIds.push((await box.json("POST", `/v1/subjects/${id}/faces`, body)).json.face.id)
  }
  return { id, faceIds }
}

test("a person is exported as a zip, erased with a receipt, and the erasure is told", async () => {
  await using box = await openTestBox()
  const { id, faceIds } = await addPerson(box, "Ada")

  const zip = await box.ask("GET", `/v1/subjects/${id}/export`)
  expect(zip.status).toBe(200)
  expect(zip.headers.get("content-disposition")).toBe(`attachment; filename="person-${id}.zip"`)
  expect(Object.keys(unzipSync(zip.bytes)).toSorted()).toEqual(
    [...faceIds.map((faceId) => `faces/${faceId}.json`), "manifest.json", "profile.json"].toSorted(),
  )
  expect((await box.ask("HEAD", `/v1/subjects/${id}/export`)).status).toBe(200)

  const erased = await box.ask("POST", `/v1/subjects/${id}/erase`)
  expect(erased.status).toBe(200)
  expect(erased.json.receipt.body).toMatchObject({ subjectId: id, rows: { gallery: 1 } })
  expect((await box.ask("GET", `/v1/subjects/${id}`)).status).toBe(404)
  expect((await box.ask("GET", `/v1/subjects/${id}/export`)).status).toBe(404)
  expect((await box.ask("GET", "/v1/erasures")).json.items).toEqual([erased.json])
  expect((await box.ask("GET", `/v1/erasures/${id}`)).json).toEqual(erased.json)
  // Asked again, the answer is the same: whoever lost the first one has it now.
  expect((await box.ask("POST", `/v1/subjects/${id}/erase`)).json).toEqual(erased.json)
  expect((await box.ask("POST", `/v1/subjects/${crypto.randomUUID()}/erase`)).status).toBe(404)
  expect((await box.ask("GET", `/v1/erasures/${crypto.randomUUID()}`)).status).toBe(404)
})

test("a request that is repeated after the person was erased does not bring them back", async () => {
  await using box = await openTestBox()
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() }
  const create = () => box.ask("POST", "/v1/subjects", { body: JSON.stringify({ name: "Ada" }), headers })
  const { id } = (await create()).json
  expect((await box.ask("POST", `/v1/subjects/${id}/erase`)).json.receipt.body.rows).toMatchObject({ requests: 1 })
  expect((await create()).json.error.code).toBe("idempotency_conflict")
  expect((await box.ask("GET", "/v1/subjects")).json.items).toEqual([])
})

test("people are merged, split, and both undone", async () => {
  await using box = await openTestBox()
  const [ada, grace] = [await addPerson(box, "Ada"), await addPerson(box, "Grace")]
  const merged = await box.json("POST", `/v1/subjects/${ada.id}/merge`, { from: grace.id })
  expect(merged.json).toMatchObject({
    subject: { id: ada.id, faceCount: 4 },
    rearrangement: { kind: "merge", otherId: grace.id },
  })
  expect((await box.ask("GET", `/v1/subjects/${grace.id}`)).status).toBe(404)
  expect((await box.json("POST", `/v1/subjects/${ada.id}/merge`, { from: grace.id })).status).toBe(404)
  expect((await box.json("POST", `/v1/subjects/${ada.id}/merge`, { from: ada.id })).status).toBe(409)

  const split = await box.json("POST", `/v1/subjects/${ada.id}/split`, { faceIds: [ada.faceIds[0]], name: "Augusta" })
  expect(split.status).toBe(201)
  expect(split.json.subject).toMatchObject({ name: "Augusta", faceCount: 1 })
  expect((await box.json("POST", `/v1/subjects/${ada.id}/split`, { faceIds: [ada.faceIds[0]], name: "No" })).status).toBe(404)

  const { items } = (await box.ask("GET", `/v1/subjects/${ada.id}/rearrangements`)).json
  expect(items.map(({ kind }: { kind: string }) => kind)).toEqual(["split", "merge"])
  for (const { id } of items) {
    expect((await box.ask("POST", `/v1/rearrangements/${id}/undo`)).status).toBe(200)
    expect((await box.ask("POST", `/v1/rearrangements/${id}/undo`)).status).toBe(404)
  }
  expect((await box.ask("GET", `/v1/subjects/${ada.id}`)).json).toMatchObject({ name: "Ada", faceCount: 2 })
  expect((await box.ask("GET", `/v1/subjects/${grace.id}`)).json).toMatchObject({ name: "Grace", faceCount: 2 })
  expect((await box.ask("GET", `/v1/subjects/${split.json.subject.id}`)).status).toBe(404)
})
