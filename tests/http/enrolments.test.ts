import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import type { HttpNeeds } from "../../app/http/needs.ts"
import { gzippedTarOf, linesOf, pictures, tarOf, zipOf } from "../enrolment/support.ts"
import { until } from "../gallery/support.ts"
import { paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"
import { tempFolder } from "../support/shared.ts"
import { openTestBox, readyStatus, type TestBox } from "./box.ts"

const zip = { "content-type": "application/zip" }
const ndjson = { "content-type": "application/x-ndjson" }

async function send(box: TestBox, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = zip, query = "") {
  return await box.ask("POST", `/v1/enrolments${query}`, { body, headers })
}

// biome-ignore lint/suspicious/noExplicitAny: its shape is checked by the box
async function over(box: TestBox, id: string): Promise<any> {
  for (let i = 0; i < 2000; i++) {
    const { json } = await box.ask("GET", `/v1/enrolments/${id}`)
    if (json.state !== "waiting" && json.state !== "running") return json
    await Bun.sleep(5)
  }
  throw new Error("the job did not end")
}

/** Engines that answer when they are told to. */
function heldPool() {
  const gate = Promise.withResolvers<void>()
  const seen: { readonly priority: string | undefined }[] = []
  const pool: HttpNeeds["pool"] = {
    analyze: async (work) => {
      seen.push({ priority: work.priority })
      if (work.priority !== "background") return readPainted(work)
      // As for work that waits in line: whoever leaves is let go.
      const left = new Promise<void>((resolve) => work.signal?.addEventListener("abort", () => resolve(), { once: true }))
      await Promise.race([gate.promise, left])
      return work.signal?.aborted === true ? { kind: "abandoned" } : readPainted(work)
    },
    status: () => readyStatus,
  }
  return { pool, seen, open: () => gate.resolve() }
}

test("a zip file becomes people, each picture is told of, and the second time nothing is done twice", async () => {
  await using box = await openTestBox()
  const body = zipOf({
    ...pictures("Ada/1.jpg", "Ada/2.jpg", "Grace/1.jpg"),
    ...{ "Grace/none.jpg": paint(), "Mary/dark.jpg": paint({ person: "Mary", qualityScore: 0.1 }) },
    ...{ "Zoe/1.jpg": paint({ person: "Ada", likeness: 0.9 }), "Zoe/broken.jpg": new Uint8Array([1, 2, 3]) },
  })
  const accepted = await send(box, body, zip, "?groups=staff,ground%20floor")
  expect(accepted.status).toBe(202)
  expect(accepted.json).toMatchObject({ state: "waiting", format: "zip", bytes: body.length, requestedBy: "admin" })
  expect(accepted.headers.get("location")).toBe(`/v1/enrolments/${accepted.json.id}`)

  const job = await over(box, accepted.json.id)
  expect(job).toMatchObject({ state: "finished", total: 7, done: 7, enrolled: 3, duplicates: 1, refused: 3 })
  // Ada's two pictures are the same: one face. Of Mary none was good enough: she is not there.
  expect(job).toMatchObject({ peopleAdded: 3, lookAlikes: 1, groups: ["staff", "ground floor"] })
  const { items } = (await box.ask("GET", "/v1/subjects")).json
  expect(items.map(({ name, faceCount, groups }: Record<string, unknown>) => [name, faceCount, groups]).sort()).toEqual([
    ["Ada", 1, ["ground floor", "staff"]],
    ["Grace", 1, ["ground floor", "staff"]],
    ["Zoe", 1, ["ground floor", "staff"]],
  ])

  const told = (await box.ask("GET", `/v1/enrolments/${job.id}/items`)).json.items
  expect(told.map(({ file, name, result }: Record<string, unknown>) => [name, file, result])).toEqual([
    ["Ada", "1.jpg", "enrolled"],
    ["Ada", "2.jpg", "duplicate"],
    ["Grace", "1.jpg", "enrolled"],
    ["Grace", "none.jpg", "no_face"],
    ["Mary", "dark.jpg", "low_quality"],
    ["Zoe", "1.jpg", "enrolled"],
    ["Zoe", "broken.jpg", "unsupported_media_type"],
  ])
  expect(told[1].faceId).toBe(told[0].faceId)
  const [near] = (await box.ask("GET", `/v1/enrolments/${job.id}/items?result=look_alike`)).json.items
  expect(near).toMatchObject({ name: "Zoe", lookAlikes: [{ name: "Ada", decision: "match" }] })
  const refused = (await box.ask("GET", `/v1/enrolments/${job.id}/items?result=refused&limit=2`)).json
  expect(refused.items.map(({ position }: { position: number }) => position)).toEqual([3, 4])
  const rest = (await box.ask("GET", `/v1/enrolments/${job.id}/items?result=refused&limit=2&after=${refused.next}`)).json
  expect([rest.items.length, rest.next]).toEqual([1, undefined])

  const again = await over(box, (await send(box, body)).json.id)
  expect(again).toMatchObject({ state: "finished", total: 7, enrolled: 0, duplicates: 4, refused: 3, peopleAdded: 0 })
  expect(box.needs.gallery.counts()).toMatchObject({ subjects: 3, faces: 3 })
  const list = (await box.ask("GET", "/v1/enrolments?limit=1")).json
  expect([list.items[0].id, list.next]).toEqual([again.id, again.id])
})

test.each([
  ["application/x-tar", tarOf],
  ["application/gzip", gzippedTarOf],
] as const)("%s is taken too", async (type, pack) => {
  await using box = await openTestBox()
  const body = await pack(pictures("Ada/1.jpg", "Grace/1.jpg"))
  const job = await over(box, (await send(box, body, { "content-type": type })).json.id)
  expect(job).toMatchObject({ state: "finished", enrolled: 2, peopleAdded: 2 })
})

test("lines of pictures and vectors, of people known by name or by another system's id", async () => {
  await using box = await openTestBox()
  await box.json("POST", "/v1/subjects", { name: "Ada", externalId: "7" })
  const image = (person: string) => Buffer.from(paint({ person })).toString("base64")
  const body = linesOf(
    { name: "Ada", image: image("Ada") },
    { externalId: "7", embedding: [...personVector("Ada", 0.9)], space: paintedSpace },
    { name: "Grace", embedding: [...personVector("Grace")], space: "other@00000000/64" },
    { name: "Grace", embedding: [1, 2], space: paintedSpace },
    "no line",
  )
  const job = await over(box, (await send(box, body, ndjson)).json.id)
  expect(job).toMatchObject({ state: "finished", enrolled: 2, refused: 3, peopleAdded: 0 })
  const { items } = (await box.ask("GET", `/v1/enrolments/${job.id}/items`)).json
  expect(items.map(({ file, result }: Record<string, unknown>) => [file, result])).toEqual([
    ["line 1", "enrolled"],
    ["line 2", "enrolled"],
    ["line 3", "wrong_space"],
    ["line 4", "wrong_space"],
    ["line 5", "bad_line"],
  ])
  expect(box.needs.gallery.subjects({ limit: 5 }).items).toMatchObject([{ name: "Ada", faceCount: 2 }])
})

test("what is no archive is refused at once, a hostile one fails with nobody enrolled", async () => {
  await using box = await openTestBox()
  const answers = [
    await send(box, new Uint8Array([0xff, 0xd8, 0xff])),
    await send(box, await tarOf(pictures("Ada/1.jpg"))),
    await send(box, new Uint8Array(0)),
    await send(box, zipOf(pictures("Ada/1.jpg")), { "content-type": "image/jpeg" }),
    await send(box, zipOf(pictures("Ada/1.jpg")), zip, "?groups="),
  ]
  expect(answers.map(({ status }) => status)).toEqual([415, 415, 415, 415, 400])
  const job = await over(box, (await send(box, zipOf(pictures("Ada/1.jpg", "../1.jpg")))).json.id)
  expect(job).toMatchObject({ state: "failed", enrolled: 0, why: expect.any(String) })
  expect(box.needs.gallery.counts().subjects).toBe(0)
  expect((await box.ask("GET", "/v1/enrolments")).json.items).toHaveLength(1)
})

test("an upload sent twice under one key is one job, and is not read the second time", async () => {
  await using box = await openTestBox()
  const headers = { ...zip, "idempotency-key": "k" }
  const body = zipOf(pictures("Ada/1.jpg"))
  const first = await send(box, body, headers)
  const again = await send(box, body, headers)
  expect([again.status, again.json.id, again.headers.get("idempotent-replayed")]).toEqual([202, first.json.id, "true"])
  const other = await send(box, body, headers, "?groups=staff")
  expect([other.status, other.json.error.code]).toEqual([422, "idempotency_conflict"])
  await over(box, first.json.id)
  expect((await box.ask("GET", "/v1/enrolments")).json.items).toHaveLength(1)
})

test("the engines are asked in the background, and a door is answered meanwhile", async () => {
  const { pool, seen, open } = heldPool()
  await using box = await openTestBox({ pool })
  const { id } = (await send(box, zipOf(pictures("Ada/1.jpg")))).json
  while (seen.length === 0) await Bun.sleep(5)
  const asked = await box.ask("POST", "/v1/recognize", {
    body: paint({ person: "X" }),
    headers: { "content-type": "image/jpeg" },
  })
  expect(asked.status).toBe(200)
  expect(seen.map(({ priority }) => priority)).toEqual(["background", "interactive"])
  open()
  expect(await over(box, id)).toMatchObject({ state: "finished", enrolled: 1 })
})

test("DELETE stops it where it is; whoever is enrolled stays; a second one deletes the report", async () => {
  const { pool, seen, open } = heldPool()
  await using box = await openTestBox({ pool })
  const paths = Array.from({ length: 50 }, (_, i) => `Person ${i}/1.jpg`)
  const { id } = (await send(box, zipOf(pictures(...paths)))).json
  const waiting = (await send(box, zipOf(pictures("Ada/1.jpg")))).json.id
  await until(() => seen.length > 0, "an engine has a picture in hand")
  const cancelled = await box.ask("DELETE", `/v1/enrolments/${id}`)
  expect([cancelled.status, cancelled.json.state]).toEqual([200, "cancelled"])
  open()
  expect(await over(box, waiting)).toMatchObject({ state: "finished", enrolled: 1 })
  const { enrolled, done } = (await box.ask("GET", `/v1/enrolments/${id}`)).json
  expect([enrolled, done]).toEqual([0, 0])
  expect(box.needs.gallery.counts().subjects).toBe(1)
  expect((await box.ask("DELETE", `/v1/enrolments/${waiting}`)).status).toBe(204)
  expect((await box.ask("GET", `/v1/enrolments/${waiting}`)).status).toBe(404)
  expect((await box.ask("GET", `/v1/enrolments/${waiting}/items`)).status).toBe(404)
  expect((await box.ask("DELETE", `/v1/enrolments/${waiting}`)).status).toBe(404)
  expect(box.needs.gallery.counts().subjects).toBe(1)
})

test("progress is told as it comes, and ends with the job", async () => {
  const { pool, open } = heldPool()
  await using box = await openTestBox({ pool })
  const { id } = (await send(box, zipOf(pictures("Ada/1.jpg", "Grace/1.jpg")))).json
  const heard: string[] = []
  for await (const { event, data } of box.listen(`/v1/enrolments/${id}/stream`)) {
    heard.push(event)
    open()
    if (event === "ended") expect(data).toMatchObject({ state: "finished", done: 2 })
  }
  expect(heard[0]).toBe("progress")
  expect(heard.at(-1)).toBe("ended")
  expect(heard.filter((event) => event === "ended")).toHaveLength(1)
})

test("a person who is deleted takes along what the report says of them; the counts stay", async () => {
  await using box = await openTestBox()
  const job = await over(
    box,
    (await send(box, zipOf({ ...pictures("Ada/1.jpg", "Grace/1.jpg"), "Ada/none.jpg": paint() }))).json.id,
  )
  const [ada] = box.needs.gallery.subjects({ limit: 5, name: "Ada" }).items
  await box.ask("DELETE", `/v1/subjects/${ada?.id}`)
  const { text, json } = await box.ask("GET", `/v1/enrolments/${job.id}/items`)
  expect(json.items.map(({ name }: { name: string }) => name)).toEqual(["Grace"])
  expect(text).not.toContain("Ada")
  expect((await box.ask("GET", `/v1/enrolments/${job.id}`)).json).toMatchObject({ done: 3, enrolled: 2, refused: 1 })
  // The same upload once more brings back who is in it: that is what it says.
  expect(await over(box, (await send(box, zipOf(pictures("Ada/1.jpg", "Grace/1.jpg")))).json.id)).toMatchObject({
    enrolled: 1,
    duplicates: 1,
  })
})

test("of the box that comes next a job goes on from where it was, and nobody is there twice", async () => {
  using folder = tempFolder()
  const path = folder.file("box.db")
  const { pool } = heldPool()
  let answered = 0
  const some: HttpNeeds["pool"] = { ...pool, analyze: (work) => (answered++ < 20 ? readPainted(work) : pool.analyze(work)) }
  const paths = Array.from({ length: 60 }, (_, i) => `Person ${i}/1.jpg`)
  let id = ""
  {
    await using box = await openTestBox({ pool: some }, path)
    id = (await send(box, zipOf(pictures(...paths)))).json.id
    while (box.needs.gallery.counts().subjects < 20) await Bun.sleep(5)
    expect(readdirSync(folder.file("enrolments"))).toHaveLength(1)
  }
  await using box = await openTestBox({}, path)
  expect(await over(box, id)).toMatchObject({ state: "finished", total: 60, done: 60, enrolled: 60, peopleAdded: 60 })
  expect(box.needs.gallery.counts()).toMatchObject({ subjects: 60, faces: 60 })
  expect((await box.ask("GET", `/v1/enrolments/${id}/items?limit=1000`)).json.items).toHaveLength(60)
  await until(() => readdirSync(folder.file("enrolments")).length === 0, "the archive is gone with the job")
})

test("engines that are away are waited for, a picture that takes engines with it is given up", async () => {
  let asked = 0
  const pool: HttpNeeds["pool"] = {
    analyze: async (work) => {
      const isPoison = new TextDecoder().decode(work.picture).includes("poison")
      if (isPoison) return { kind: "unavailable", retryAfterS: 0.001, why: "the engine was lost" }
      return asked++ < 10 ? { kind: "overloaded", retryAfterS: 0.001 } : readPainted(work)
    },
    status: () => readyStatus,
  }
  await using box = await openTestBox({ pool })
  const job = await over(box, (await send(box, zipOf(pictures("Ada/1.jpg", "poison/1.jpg", "Grace/1.jpg")))).json.id)
  expect(job).toMatchObject({ enrolled: 2, refused: 1 })
  const [refused] = (await box.ask("GET", `/v1/enrolments/${job.id}/items?result=refused`)).json.items
  expect(refused).toMatchObject({ name: "poison", result: "unavailable" })
})

test("without such a job there is nothing to tell", async () => {
  await using box = await openTestBox()
  const id = crypto.randomUUID()
  for (const [method, path] of [
    ["GET", ""],
    ["GET", "/items"],
    ["GET", "/stream"],
    ["DELETE", ""],
  ] as const)
    expect((await box.ask(method, `/v1/enrolments/${id}${path}`)).status).toBe(404)
})
