import { expect, test } from "bun:test"
import { openTestBox, type TestBox } from "./box.ts"

const everything = {
  name: "Ada",
  externalId: "hr-1815",
  metadata: { badge: 17, roles: ["guest", { floor: 2 }], home: { city: "London", cat: true } },
  groups: ["engineers", "visitors"],
  validFromMs: 1000,
  validUntilMs: 4102444800000,
  consentNote: "signed\nat the desk",
}

const change = (box: TestBox, id: string, body: unknown, headers: Record<string, string> = {}) =>
  box.ask("PATCH", `/v1/subjects/${id}`, {
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  })

async function create(box: TestBox, fields: object): Promise<{ id: string; etag: string }> {
  const { status, headers, json } = await box.json("POST", "/v1/subjects", fields)
  expect(status).toBe(201)
  return { id: json.id, etag: headers.get("etag") ?? "" }
}

test("everything that is said of a person is told again; what is not said is absent", async () => {
  await using box = await openTestBox()
  const { id } = await create(box, everything)
  expect((await box.ask("GET", `/v1/subjects/${id}`)).json).toMatchObject({ ...everything, version: 1 })
  const bare = await create(box, { name: "Grace" })
  const { json } = await box.ask("GET", `/v1/subjects/${bare.id}`)
  expect(json).toMatchObject({ metadata: {}, groups: [] })
  expect(Object.keys(json).filter((key) => /external|valid|consent/.test(key))).toEqual([])
})

test("PATCH merges, and null clears", async () => {
  await using box = await openTestBox()
  const { id } = await create(box, everything)
  const merged = await change(box, id, { metadata: { badge: null, home: { cat: null } }, consentNote: null, groups: ["vip"] })
  expect(merged.status).toBe(200)
  expect(merged.json).toMatchObject({ name: "Ada", externalId: "hr-1815", groups: ["vip"], version: 2 })
  expect(merged.json.metadata).toEqual({ roles: everything.metadata.roles, home: { city: "London" } })
  expect(merged.json).not.toHaveProperty("consentNote")
  const cleared = await change(box, id, {
    ...{ externalId: null, metadata: null, groups: null, validFromMs: null, validUntilMs: null },
  })
  expect(Object.keys(cleared.json).sort()).toEqual(
    ["id", "name", "metadata", "groups", "createdAtMs", "updatedAtMs", "version", "faceCount"].sort(),
  )
})

const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) })

test.each([
  ["an unknown key", { phone: "1" }, "phone"],
  ["an empty external id", { externalId: "" }, "externalId"],
  ["a long external id", { externalId: "x".repeat(201) }, "externalId"],
  ["an external id with a line break", { externalId: "a\nb" }, "externalId"],
  ["33 groups", { groups: Array.from({ length: 33 }, (_, i) => `g${i}`) }, "groups"],
  ["an empty group", { groups: [" "] }, "groups"],
  ["a long group", { groups: ["x".repeat(65)] }, "groups"],
  ["metadata that is a list", { metadata: [1] }, "metadata"],
  ["metadata that is a text", { metadata: "floor 2" }, "metadata"],
  ["metadata too large", { metadata: { note: "x".repeat(8200) } }, "8192"],
  ["metadata too deep", { metadata: nested(6) }, "deep"],
  ["a null in a list of metadata", { metadata: { list: [1, null] } }, "null"],
  ["an empty key of metadata", { metadata: { "": 1 } }, "key"],
  ["a long key of metadata", { metadata: { ["k".repeat(65)]: 1 } }, "key"],
  ["half a millisecond", { validFromMs: 0.5 }, "validFromMs"],
  ["a time before 1970", { validUntilMs: -1 }, "validUntilMs"],
  ["a time that no clock tells", { validUntilMs: 8.64e15 + 1 }, "validUntilMs"],
  ["an end before the beginning", { validFromMs: 2000, validUntilMs: 2000 }, "validUntilMs"],
  ["a long note", { consentNote: "x".repeat(2001) }, "consentNote"],
  ["a bell in a note", { consentNote: "a\u0007" }, "consentNote"],
])("%s is refused with words that name it, on POST and on PATCH", async (_what, fields, named) => {
  await using box = await openTestBox()
  const { id } = await create(box, { name: "Ada" })
  const asked = [await box.json("POST", "/v1/subjects", { name: "Grace", ...fields }), await change(box, id, fields)]
  for (const { status, json } of asked) {
    expect([status, json.error.code]).toEqual([400, "bad_request"])
    expect(json.error.message).toContain(named)
  }
  expect((await box.ask("GET", `/v1/subjects/${id}`)).json.version).toBe(1)
})

test("limits are the last values that pass; a key called __proto__ is a key; null is for PATCH alone", async () => {
  await using box = await openTestBox()
  const body = `{"name":"Ada","externalId":"${"x".repeat(200)}","groups":${JSON.stringify(Array.from({ length: 32 }, (_, i) => `g${i}`))},
    "metadata":{"__proto__":{"admin":true},"deep":${JSON.stringify(nested(4))}},"validFromMs":0,"validUntilMs":8640000000000000}`
  const { status, text } = await box.ask("POST", "/v1/subjects", { body, headers: { "content-type": "application/json" } })
  expect(status).toBe(201)
  expect(text).toContain(`"__proto__":{"admin":true}`)
  const nulls = await box.json("POST", "/v1/subjects", { name: "Ada", externalId: null })
  expect(nulls.status).toBe(400)
  const { id } = await create(box, { name: "Grace" })
  expect((await change(box, id, {})).status).toBe(400)
  expect((await change(box, id, { name: null })).status).toBe(400)
  const infinite = `{"metadata":{"much":1e400}}`
  const headers = { "content-type": "application/json" }
  expect((await box.ask("PATCH", `/v1/subjects/${id}`, { body: infinite, headers })).status).toBe(400)
})

test("an external id that is taken is a conflict that names whose it is", async () => {
  await using box = await openTestBox()
  const ada = await create(box, { name: "Ada", externalId: "7" })
  const grace = await create(box, { name: "Grace" })
  for (const { status, json } of [
    await box.json("POST", "/v1/subjects", { name: "Mary", externalId: "7" }),
    await change(box, grace.id, { externalId: "7" }),
  ]) {
    expect([status, json.error.code, json.error.details]).toEqual([409, "conflict", { subjectId: ada.id }])
    expect(json.error.message).toContain(ada.id)
  }
  expect((await box.ask("GET", "/v1/subjects")).json.items).toHaveLength(2)
})

test("people are found by name, group and external id, together and in pages", async () => {
  await using box = await openTestBox()
  for (let i = 0; i < 6; i++)
    await create(box, { name: i % 2 === 0 ? "Zoë" : "Ada", externalId: `n ${i}`, groups: i < 4 ? ["first floor"] : [] })
  const ids = async (query: string) => {
    const { json } = await box.ask("GET", `/v1/subjects?${query}`)
    return { ids: json.items.map((one: { externalId: string }) => one.externalId), next: json.next }
  }
  const first = await ids("group=first%20floor&limit=3")
  expect(first.ids).toEqual(["n 0", "n 1", "n 2"])
  expect(await ids(`group=first%20floor&limit=3&after=${first.next}`)).toEqual({ ids: ["n 3"], next: undefined })
  // Composed and decomposed letters are the same name.
  expect((await ids(`group=first%20floor&name=${encodeURIComponent("Zoe\u0308")}`)).ids).toEqual(["n 0", "n 2"])
  expect((await ids("externalId=n%205")).ids).toEqual(["n 5"])
  expect((await ids("externalId=n%205&name=Mary")).ids).toEqual([])
  expect((await box.ask("GET", "/v1/subjects?groups=a")).status).toBe(400)
})

test("the ETag is the version: a change by somebody else is seen before it is overwritten", async () => {
  await using box = await openTestBox()
  const { id, etag } = await create(box, { name: "Ada" })
  expect(etag).toBe('"1"')
  expect((await box.ask("GET", `/v1/subjects/${id}`)).headers.get("etag")).toBe(etag)
  const mine = await change(box, id, { name: "Ada King" }, { "if-match": etag })
  expect([mine.status, mine.headers.get("etag")]).toEqual([200, '"2"'])
  const theirs = await change(box, id, { name: "Ada Byron" }, { "if-match": etag })
  expect([theirs.status, theirs.json.error.code, theirs.headers.get("etag")]).toEqual([412, "precondition_failed", '"2"'])
  const remove = (tags: string) => box.ask("DELETE", `/v1/subjects/${id}`, { headers: { "if-match": tags } })
  expect((await remove(etag)).status).toBe(412)
  // A weak tag promises too little to overwrite by.
  expect((await remove('W/"2"')).status).toBe(412)
  expect((await change(box, id, { name: "A" }, { "if-match": '"1", "2"' })).status).toBe(200)
  expect((await change(box, id, { name: "B" }, { "if-match": "*" })).status).toBe(200)
  expect((await change(box, id, { name: "C" })).json.version).toBe(5)
  expect((await remove('"5"')).status).toBe(204)
  expect((await remove("*")).status).toBe(404)
})

test("whoever has this version already is told so and nothing more", async () => {
  await using box = await openTestBox()
  const { id, etag } = await create(box, { name: "Ada" })
  const get = (tags: string) => box.ask("GET", `/v1/subjects/${id}`, { headers: { "if-none-match": tags } })
  for (const tags of [etag, `W/${etag}`, `"0", ${etag}`, "*"]) {
    const { status, text, headers } = await get(tags)
    expect([status, text, headers.get("etag")]).toEqual([304, "", etag])
  }
  await change(box, id, { groups: ["a"] })
  expect((await get(etag)).json).toMatchObject({ version: 2 })
  for (const broken of ["3", '"3', "W/3", `"a""b"`, `"${"x".repeat(1000)}"`]) {
    const { status, json } = await get(broken)
    expect(status).toBe(400)
    expect(json.error.message).toContain("if-none-match")
  }
})

test("the document tells the headers of both directions", async () => {
  await using box = await openTestBox()
  const { json } = await box.askWithoutKey("GET", "/openapi.json")
  const one = json.paths["/v1/subjects/{id}"]
  const headersOf = (operation: { parameters: { name: string; in: string }[] }) =>
    operation.parameters.filter((parameter) => parameter.in === "header").map(({ name }) => name)
  expect(headersOf(one.get)).toEqual(["if-none-match"])
  expect(headersOf(one.patch)).toEqual(["if-match"])
  expect(headersOf(one.delete)).toEqual(["if-match"])
  expect(one.get.responses["304"].headers).toHaveProperty("etag")
  const { post } = json.paths["/v1/subjects"]
  expect(headersOf(post)).toEqual(["idempotency-key"])
  expect(Object.keys(post.responses["201"].headers).sort()).toEqual(["etag", "idempotent-replayed"])
  expect(post.responses["409"].description).toBe("conflict")
  const { NewSubject, SubjectChange } = json.components.schemas
  expect(NewSubject.required).toEqual(["name"])
  expect(NewSubject.properties.metadata).toMatchObject({ type: "object" })
  expect(SubjectChange.properties.metadata.anyOf).toMatchObject([{ type: "object" }, { type: "null" }])
})
