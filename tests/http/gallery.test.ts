import { expect, test } from "bun:test"
import { paint, paintedSpace, personVector } from "../support/painted.ts"
import { openTestBox, type TestBox } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }
const nobody = "01900000-0000-7000-8000-000000000000"

async function create(box: TestBox, name: string): Promise<string> {
  const created = await box.json("POST", "/v1/subjects", { name })
  expect(created.status).toBe(201)
  return created.json.id
}

const names = async (box: TestBox, query: string) => {
  const { json } = await box.ask("GET", `/v1/subjects?${query}`)
  return { names: json.items.map((subject: { name: string }) => subject.name), next: json.next }
}

test("a subject lives: created, read, renamed, deleted", async () => {
  await using box = await openTestBox()
  const id = await create(box, "  Ada Lovelace ")
  const read = await box.ask("GET", `/v1/subjects/${id}`)
  expect(read.json).toMatchObject({ id, name: "Ada Lovelace", faceCount: 0 })
  const renamed = await box.json("PATCH", `/v1/subjects/${id}`, { name: "Ada King" })
  expect(renamed.json).toMatchObject({ id, name: "Ada King" })
  expect((await box.ask("GET", `/v1/subjects/${id.toUpperCase()}`)).json.name).toBe("Ada King")
  expect((await box.ask("DELETE", `/v1/subjects/${id}`)).status).toBe(204)
  expect((await box.ask("GET", `/v1/subjects/${id}`)).status).toBe(404)
  expect((await box.ask("DELETE", `/v1/subjects/${id}`)).status).toBe(404)
})

test("people come in pages, and by exact name", async () => {
  await using box = await openTestBox()
  for (const name of ["Ada", "Grace", "Mary", "Ada", "Rosalind"]) await create(box, name)
  const first = await names(box, "limit=2")
  expect(first.names).toEqual(["Ada", "Grace"])
  const second = await names(box, `limit=2&after=${first.next}`)
  expect(second.names).toEqual(["Mary", "Ada"])
  expect(await names(box, `limit=2&after=${second.next}`)).toEqual({ names: ["Rosalind"], next: undefined })
  expect(await names(box, "limit=5")).toMatchObject({ next: undefined })
  const one = await names(box, "name=Ada&limit=1")
  expect(one.names).toEqual(["Ada"])
  expect(await names(box, `name=Ada&limit=1&after=${one.next}`)).toEqual({ names: ["Ada"], next: undefined })
  expect(await names(box, "name=ada")).toEqual({ names: [], next: undefined })
})

test("a name may be in any script; what cannot be shown or stored is refused", async () => {
  await using box = await openTestBox()
  for (const name of ["李小龙", "Žižek", "أحمد", "O'Brien 🙂", "x".repeat(200), `"; drop table subjects; --`]) {
    const id = await create(box, name)
    expect((await box.ask("GET", `/v1/subjects/${id}`)).json.name).toBe(name)
  }
  const composed = await create(box, "Zoe\u0308")
  expect((await box.ask("GET", `/v1/subjects/${composed}`)).json.name).toBe("Zoë")
  for (const name of ["", "  ", "x".repeat(201), "a\nb", "a\u0000b", "\ud800", 7, null, ["Ada"], { name: "Ada" }]) {
    const refused = await box.json("POST", "/v1/subjects", { name })
    expect(refused.status).toBe(400)
    expect(refused.json.error.message).toContain("name")
  }
})

test("faces are enrolled, listed in pages and deleted, and the very next search knows", async () => {
  await using box = await openTestBox()
  const id = await create(box, "Ada")
  const path = `/v1/subjects/${id}/faces`
  const decisionOfAda = async () =>
    (await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: jpeg })).json.faces[0].decision
  expect(await decisionOfAda()).toBe("unknown")

  const byPicture = await box.ask("POST", path, { body: paint({ person: "Ada" }), headers: jpeg })
  expect(byPicture.status).toBe(201)
  expect(byPicture.json).toMatchObject({
    face: { subjectId: id, space: paintedSpace, source: "picture", quality: { score: 0.9 } },
    ignoredFaces: [],
  })
  expect(await decisionOfAda()).toBe("match")
  const byVector = await box.json("POST", path, { embedding: Array.from(personVector("Ada")), space: paintedSpace })
  expect(byVector.json.face).toMatchObject({ source: "vector" })
  expect(byVector.json.face).not.toHaveProperty("quality")
  const byForm = new FormData()
  byForm.append("file", new File([paint({ person: "Ada" })], "ada.jpg"))
  expect((await box.ask("POST", path, { body: byForm })).status).toBe(201)
  expect((await box.json("POST", path, { image: paint({ person: "Ada" }).toBase64() })).status).toBe(201)

  expect((await box.ask("GET", `/v1/subjects/${id}`)).json.faceCount).toBe(4)
  const first = (await box.ask("GET", `${path}?limit=3`)).json
  const rest = (await box.ask("GET", `${path}?limit=3&after=${first.next}`)).json
  expect(first.items).toHaveLength(3)
  expect(rest.items).toHaveLength(1)
  expect(rest.next).toBeUndefined()

  for (const face of [...first.items, ...rest.items]) {
    expect(await decisionOfAda()).toBe("match")
    expect((await box.ask("DELETE", `/v1/faces/${face.id}`)).status).toBe(204)
    expect((await box.ask("DELETE", `/v1/faces/${face.id}`)).status).toBe(404)
  }
  expect(await decisionOfAda()).toBe("unknown")
})

test("a deleted subject is in no later answer", async () => {
  await using box = await openTestBox()
  const id = await create(box, "Ada")
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: "Ada" }), headers: jpeg })
  await box.ask("DELETE", `/v1/subjects/${id}`)
  const { json } = await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: jpeg })
  expect(json.faces).toMatchObject([{ decision: "unknown", candidates: [] }])
})

test.each([
  ["nobody", [], "", 422, "no_face"],
  ["a face too small to look for", [{ person: "Ada", widthPx: 31 }], "", 422, "no_face"],
  ["a face below what the query asks", [{ person: "Ada", widthPx: 90 }], "faceWidthPxMin=100", 422, "no_face"],
  [
    "a second face half as wide",
    [
      { person: "Ada", widthPx: 100 },
      { person: "B", widthPx: 50 },
    ],
    "",
    422,
    "several_faces",
  ],
  [
    "a bystander, and the query strict",
    [
      { person: "Ada", widthPx: 200 },
      { person: "B", widthPx: 40 },
    ],
    "faces=single",
    422,
    "several_faces",
  ],
  ["a poor face", [{ person: "Ada", qualityScore: 0.1 }], "", 422, "low_quality"],
  ["a face just good enough", [{ person: "Ada", qualityScore: 0.2 }], "", 201, undefined],
  ["one face, and the query strict", [{ person: "Ada" }], "faces=single", 201, undefined],
])("enrolling a picture of %s", async (_what, faces, query, status, code) => {
  await using box = await openTestBox()
  const id = await create(box, "Ada")
  const enrolled = await box.ask("POST", `/v1/subjects/${id}/faces?${query}`, { body: paint(...faces), headers: jpeg })
  expect([enrolled.status, enrolled.json.error?.code]).toEqual([status, code])
  expect((await box.ask("GET", `/v1/subjects/${id}`)).json.faceCount).toBe(status === 201 ? 1 : 0)
})

test("bystanders are told, and the largest face is the one enrolled", async () => {
  await using box = await openTestBox()
  const id = await create(box, "Ada")
  const picture = paint({ person: "B", widthPx: 49 }, { person: "Ada", widthPx: 100 }, { person: "C", widthPx: 40 })
  const { json } = await box.ask("POST", `/v1/subjects/${id}/faces`, { body: picture, headers: jpeg })
  expect(json.ignoredFaces.map((face: { box: { width: number } }) => face.box.width)).toEqual([49, 40])
  const asked = await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: jpeg })
  expect(asked.json.faces[0]).toMatchObject({ decision: "match", match: { name: "Ada" } })
})

test("the answer to a poor picture carries the figures", async () => {
  await using box = await openTestBox()
  const id = await create(box, "Ada")
  const body = paint({ person: "Ada", qualityScore: 0.1 })
  const { error } = (await box.ask("POST", `/v1/subjects/${id}/faces`, { body, headers: jpeg })).json
  expect(error.details).toMatchObject({ quality: { score: 0.1, sharpness: 0.6 }, qualityScoreMin: 0.2 })
  expect(error.message).toContain("0.10")
  const crowd = paint({ person: "Ada" }, { person: "B" })
  const several = (await box.ask("POST", `/v1/subjects/${id}/faces`, { body: crowd, headers: jpeg })).json.error
  expect(several.details.faces).toHaveLength(2)
})

test.each([nobody, "1", "no-uuid", "%ff", "..%2f..%2fetc", "0".repeat(5000)])(
  "nothing is found under the id %p",
  async (id) => {
    await using box = await openTestBox()
    const rename = { body: JSON.stringify({ name: "Ada" }), headers: { "content-type": "application/json" } }
    const picture = { body: paint({ person: "Ada" }), headers: jpeg }
    const answers = [
      await box.ask("GET", `/v1/subjects/${id}`),
      await box.ask("PATCH", `/v1/subjects/${id}`, rename),
      await box.ask("DELETE", `/v1/subjects/${id}`),
      await box.ask("GET", `/v1/subjects/${id}/faces`),
      await box.ask("POST", `/v1/subjects/${id}/faces`, picture),
      await box.json("POST", `/v1/subjects/${id}/faces`, { embedding: Array.from(personVector("Ada")), space: paintedSpace }),
      await box.ask("DELETE", `/v1/faces/${id}`),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404))
  },
)

test("a subject deleted while its picture is analysed: 404, and no face is left behind", async () => {
  await using plain = await openTestBox()
  const { pool } = plain.needs
  let meanwhile = () => {}
  const analyze: typeof pool.analyze = async (...asked) => {
    meanwhile()
    return pool.analyze(...asked)
  }
  await using box = await openTestBox({ pool: { ...pool, analyze } })
  const id = await create(box, "Ada")
  meanwhile = () => void box.needs.gallery.deleteSubject(id)
  const { status } = await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: "Ada" }), headers: jpeg })
  expect(status).toBe(404)
  expect(box.needs.gallery.counts().faces).toBe(0)
})
