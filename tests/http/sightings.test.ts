import { expect, test } from "bun:test"
import { paint } from "../support/painted.ts"
import { openTestBox, type TestBox } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }

async function enrol(box: TestBox, name: string): Promise<string> {
  const { id } = (await box.json("POST", "/v1/subjects", { name })).json
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: name }), headers: jpeg })
  return id
}

async function see(box: TestBox, camera: string, person: string, capturedAtMs: number, likeness = 1): Promise<string> {
  const body = paint({ person, likeness })
  const ingested = await box.ask("POST", `/ingest/${camera}?capturedAtMs=${capturedAtMs}`, { body, headers: jpeg })
  return ingested.json.sightingId
}

const idsOf = (page: { json: { items: { id: string }[] } }) => page.json.items.map(({ id }) => id)

test("the list is newest first, by every filter, page by page", async () => {
  await using box = await openTestBox()
  const adaId = await enrol(box, "Ada")
  const ids = [
    await see(box, "front", "Ada", 1000),
    await see(box, "back", "Ada", 2000, 0.45),
    await see(box, "front", "x", 3000),
    await see(box, "back", "y", 4000),
    await see(box, "front", "Ada", 5000),
  ]
  const of = (...positions: number[]) => positions.map((position) => ids[position] ?? "")
  const list = async (query: string) => idsOf(await box.ask("GET", `/v1/sightings${query}`))
  expect(await list("")).toEqual(of(4, 3, 2, 1, 0))
  expect(await list("?camera=back")).toEqual(of(3, 1))
  expect(await list(`?subject=${adaId.toUpperCase()}`)).toEqual(of(4, 1, 0))
  expect(await list(`?subject=${adaId}&decision=match`)).toEqual(of(4, 0))
  expect(await list("?decision=uncertain")).toEqual(of(1))
  expect(await list("?fromMs=2000&toMs=4000")).toEqual(of(2, 1))
  expect(await list("?hasSnapshot=false")).toEqual([])
  expect(await list("?hasSnapshot=true&camera=front&decision=unknown")).toEqual(of(2))

  const walked: string[] = []
  for (let next = ""; ; ) {
    const page = await box.ask("GET", `/v1/sightings?limit=2${next === "" ? "" : `&after=${next}`}`)
    walked.push(...idsOf(page))
    next = page.json.next ?? ""
    if (next === "") break
  }
  expect(walked).toEqual(of(4, 3, 2, 1, 0))
})

test.each([
  "limit=0",
  "after=abc",
  "after=1.2.3",
  "camera=a%20b",
  "subject=Ada",
  "decision=maybe",
  "fromMs=-1",
  "hasSnapshot=1",
  "cam=front",
])("%s is refused by name", async (query) => {
  await using box = await openTestBox()
  const { status, json } = await box.ask("GET", `/v1/sightings?${query}`)
  expect(status).toBe(400)
  expect(json.error.message).toContain(query.split("=")[0] ?? "")
})

test("a person renamed shows the new name, a person deleted none", async () => {
  await using box = await openTestBox()
  const adaId = await enrol(box, "Ada")
  const id = await see(box, "front", "Ada", 1000)
  await box.json("PATCH", `/v1/subjects/${adaId}`, { name: "Ada Lovelace" })
  const [face] = (await box.ask("GET", `/v1/sightings/${id}`)).json.faces
  expect(face).toMatchObject({ decision: "match", name: "Ada Lovelace", subjectId: adaId })

  await box.ask("DELETE", `/v1/subjects/${adaId}`)
  const { text, json } = await box.ask("GET", `/v1/sightings/${id}`)
  expect(text).not.toContain("Ada")
  expect(text).not.toContain(adaId)
  expect(json.faces[0]).toMatchObject({ decision: "match", forgotten: true })
  expect(idsOf(await box.ask("GET", `/v1/sightings?subject=${adaId}`))).toEqual([])
  expect((await box.ask("GET", `/v1/sightings/${id}/snapshot.jpg`)).status).toBe(200)
})

test("a sighting can be deleted, with its picture", async () => {
  await using box = await openTestBox()
  const id = await see(box, "front", "x", 1000)
  expect((await box.ask("DELETE", `/v1/sightings/${id}`)).status).toBe(204)
  for (const [method, path] of [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/snapshot.jpg"],
    ["GET", "/thumbnail.jpg"],
  ] as const)
    expect((await box.ask(method, `/v1/sightings/${id}${path}`)).status).toBe(404)
})
