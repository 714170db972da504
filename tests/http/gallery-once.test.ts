import { expect, test } from "bun:test"
import { randomFrom } from "../gallery/support.ts"
import { paint, paintedSpace, personVector } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { type Asked, openTestBox, type TestBox } from "./box.ts"

const kills = 20

const add = (box: TestBox, key: string, fields: object, path = "/v1/subjects") =>
  box.ask("POST", path, {
    body: JSON.stringify(fields),
    headers: { "content-type": "application/json", "idempotency-key": key },
  })

const addFace = (box: TestBox, key: string, subjectId: string, init: RequestInit) => {
  const headers = new Headers(init.headers)
  headers.set("idempotency-key", key)
  return box.ask("POST", `/v1/subjects/${subjectId}/faces`, { ...init, headers })
}

const jpeg = (body: Uint8Array<ArrayBuffer>) => ({ body, headers: { "content-type": "image/jpeg" } })

const replayed = ({ headers }: Asked) => headers.get("idempotent-replayed")

function form(picture: Uint8Array<ArrayBuffer>): FormData {
  const form = new FormData()
  form.append("file", new File([picture], "a.jpg"))
  return form
}

test("a create that is repeated makes nothing new and answers with what is there", async () => {
  await using box = await openTestBox()
  const first = await add(box, "k1", { name: "Ada", groups: ["a"] })
  expect([first.status, replayed(first)]).toEqual([201, null])
  const again = await add(box, "k1", { groups: ["a"], name: " Ada " })
  expect([again.status, replayed(again), again.headers.get("etag")]).toEqual([201, "true", '"1"'])
  expect(again.json).toEqual(first.json)
  expect(box.needs.gallery.counts().subjects).toBe(1)

  // The entity as it is now, not as it was.
  await box.json("PATCH", `/v1/subjects/${first.json.id}`, { name: "Ada King" })
  expect((await add(box, "k1", { name: "Ada", groups: ["a"] })).json).toMatchObject({ id: first.json.id, name: "Ada King" })
  expect((await add(box, "k2", { name: "Ada", groups: ["a"] })).json.id).not.toBe(first.json.id)
  expect((await box.json("POST", "/v1/subjects", { name: "Ada" })).status).toBe(201)
  expect(box.needs.gallery.counts().subjects).toBe(3)
})

test("a face is enrolled once, in whatever form the picture is sent, and the answer is the first one's", async () => {
  await using box = await openTestBox()
  const ada = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json.id
  const twin = (await box.json("POST", "/v1/subjects", { name: "Twin" })).json.id
  await box.json("POST", `/v1/subjects/${twin}/faces`, { embedding: [...personVector("Ada", 0.7)], space: paintedSpace })
  const picture = paint({ person: "Ada" }, { person: "B", widthPx: 40 })
  const first = await addFace(box, "k1", ada, { body: form(picture) })
  expect(first.json).toMatchObject({ ignoredFaces: [{ box: { width: 40 } }], lookAlikes: [{ name: "Twin" }] })
  // The boundary of the form is another one each time.
  for (const body of [form(picture), form(picture)]) {
    const again = await addFace(box, "k1", ada, { body })
    expect([again.status, replayed(again)]).toEqual([201, "true"])
    expect(again.json).toEqual(first.json)
  }
  const vector = { embedding: [...personVector("Ada")], space: paintedSpace }
  const byVector = await add(box, "k2", vector, `/v1/subjects/${ada}/faces`)
  expect(byVector.status).toBe(201)
  expect((await add(box, "k2", vector, `/v1/subjects/${ada}/faces`)).json).toEqual(byVector.json)
  expect(box.needs.gallery.counts().faces).toBe(3)
})

test("the same key with another request is refused: other body, other query, other person, other path", async () => {
  await using box = await openTestBox()
  const ada = (await add(box, "k1", { name: "Ada" })).json.id
  const grace = (await box.json("POST", "/v1/subjects", { name: "Grace" })).json.id
  const picture = jpeg(paint({ person: "Ada" }))
  expect((await addFace(box, "k2", ada, picture)).status).toBe(201)
  for (const refused of [
    await add(box, "k1", { name: "Mary" }),
    await add(box, "k1", { name: "Ada", groups: [] }),
    await addFace(box, "k1", ada, picture),
    await addFace(box, "k2", grace, picture),
    await addFace(box, "k2", ada, jpeg(paint({ person: "Mary" }))),
    await box.ask("POST", `/v1/subjects/${ada}/faces?faces=single`, {
      ...picture,
      headers: { "content-type": "image/jpeg", "idempotency-key": "k2" },
    }),
  ])
    expect([refused.status, refused.json.error.code]).toEqual([422, "idempotency_conflict"])
  expect(box.needs.gallery.counts()).toMatchObject({ subjects: 2, faces: 1 })
})

test("a refused create is not remembered: the mended request goes through under the same key", async () => {
  await using box = await openTestBox()
  await box.json("POST", "/v1/subjects", { name: "Ada", externalId: "7" })
  expect((await add(box, "k", { name: "Grace", externalId: "7" })).status).toBe(409)
  const added = await add(box, "k", { name: "Grace", externalId: "8" })
  expect([added.status, replayed(added)]).toEqual([201, null])
  const picture = (qualityScore: number) => jpeg(paint({ person: "Grace", qualityScore }))
  expect((await addFace(box, "f", added.json.id, picture(0.1))).status).toBe(422)
  expect((await addFace(box, "f", added.json.id, picture(0.9))).status).toBe(201)
})

test("what was made and deleted since is not made again", async () => {
  await using box = await openTestBox()
  const { id } = (await add(box, "k", { name: "Ada" })).json
  const face = await addFace(box, "f", id, jpeg(paint({ person: "Ada" })))
  await box.ask("DELETE", `/v1/faces/${face.json.face.id}`)
  const faceAgain = await addFace(box, "f", id, jpeg(paint({ person: "Ada" })))
  expect([faceAgain.status, faceAgain.json.error.code]).toEqual([409, "conflict"])
  await box.ask("DELETE", `/v1/subjects/${id}`)
  const again = await add(box, "k", { name: "Ada" })
  expect([again.status, again.json.error.code, replayed(again)]).toEqual([409, "conflict", null])
  expect(again.json.error.message).toContain(id)
  expect(box.needs.gallery.counts().subjects).toBe(0)
})

test("of two at once one creates, and the other is asked to come again", async () => {
  await using plain = await openTestBox()
  const { pool } = plain.needs
  const gate = Promise.withResolvers<void>()
  let analyses = 0
  const analyze: typeof pool.analyze = async (work) => {
    analyses++
    await gate.promise
    return pool.analyze(work)
  }
  await using box = await openTestBox({ pool: { ...pool, analyze } })
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  const picture = jpeg(paint({ person: "Ada" }))
  const first = addFace(box, "f", id, picture)
  while (analyses === 0) await Bun.sleep(1)
  const second = await addFace(box, "f", id, picture)
  expect([second.status, second.json.error.code, second.headers.get("retry-after")]).toEqual([409, "conflict", "1"])
  // Another key is another request.
  const other = addFace(box, "g", id, picture)
  gate.resolve()
  expect((await first).status).toBe(201)
  expect((await other).status).toBe(201)
  expect((await addFace(box, "f", id, picture)).json.face.id).toBe((await first).json.face.id)
  expect(analyses).toBe(2)

  const crowd = await Promise.all(Array.from({ length: 20 }, () => add(box, "crowd", { name: "Mary" })))
  expect(new Set(crowd.filter(({ status }) => status === 201).map(({ json }) => json.id)).size).toBe(1)
  expect(box.needs.gallery.subjects({ limit: 10, name: "Mary" }).items).toHaveLength(1)
})

test("what cannot be recorded is not created: record and entity are one transaction", async () => {
  await using plain = await openTestBox()
  const { gallery, creates } = plain.needs
  const record: typeof creates.record = (...made) => {
    creates.record(...made)
    throw new Error("disk full")
  }
  await using box = await openTestBox({ gallery, creates: { ...creates, record } })
  const { id } = gallery.createSubject("Ada")
  expect((await add(box, "k", { name: "Grace" })).status).toBe(500)
  expect((await addFace(box, "f", id, jpeg(paint({ person: "Ada" })))).status).toBe(500)
  expect(gallery.counts()).toMatchObject({ subjects: 1, faces: 0 })
  expect([creates.find("k"), creates.find("f")]).toEqual([undefined, undefined])
  expect((await add(plain, "k", { name: "Grace" })).status).toBe(201)
})

test.each(["", "with space", "ü", "x".repeat(256)])("%p is no key", async (key) => {
  await using box = await openTestBox()
  const refused = await add(box, key, { name: "Ada" })
  expect([refused.status, refused.json.error.code]).toEqual([400, "bad_request"])
  expect(refused.json.error.message).toContain("idempotency-key")
})

test(`after ${kills} kills at random moments every request, repeated, gets what it made, and nothing is there twice`, async () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  const random = randomFrom(13)
  const told: Told = { sent: new Map(), made: new Map() }
  for (let round = 0; round < kills; round++) await runAndKill(path, told, round * 1000, random() * 30)
  expect(told.made.size).toBeGreaterThan(kills)

  await using box = await openTestBox({}, path)
  const made = new Map<string, string>()
  for (const [key, subjectId] of told.sent) {
    const number = key.split("-")[1]
    const picture = jpeg(paint({ person: `Person ${number}` }))
    const again =
      subjectId === "" ? await add(box, key, { name: `Person ${number}` }) : await addFace(box, key, subjectId, picture)
    expect(again.status).toBe(201)
    made.set(key, subjectId === "" ? again.json.id : again.json.face.id)
  }
  for (const [key, id] of told.made) expect(made.get(key)).toBe(id)
  const people = [...told.sent.values()].filter((subjectId) => subjectId === "").length
  expect(new Set(made.values()).size).toBe(told.sent.size)
  expect(box.needs.gallery.counts()).toMatchObject({ subjects: people, faces: told.sent.size - people })
}, 120_000)

/** By idempotency key, what a child said before it was killed. */
interface Told {
  /** The subject whose face it is; empty for a subject itself. */
  readonly sent: Map<string, string>
  readonly made: Map<string, string>
}

/** Kills the child `afterMs` after its first answer. */
async function runAndKill(path: string, told: Told, from: number, afterMs: number): Promise<void> {
  const child = Bun.spawn([process.execPath, require.resolve("./creating-process.ts"), path, String(from)], {
    stderr: "inherit",
  })
  let text = ""
  let heard = false
  for await (const bytes of child.stdout) {
    text += Buffer.from(bytes).toString()
    if (!heard && text.includes("made")) {
      heard = true
      setTimeout(() => child.kill("SIGKILL"), afterMs)
    }
  }
  expect(await child.exited).toBe(137)
  for (const line of text.split("\n").slice(0, -1)) {
    const [word, key = "", id = ""] = line.split(" ")
    if (word === "sending") told.sent.set(key, id)
    if (word === "made") told.made.set(key, id)
  }
}
