import { expect, test } from "bun:test"
import { createMetrics } from "../../app/base/metrics.ts"
import type { HttpNeeds } from "../../app/http/needs.ts"
import { cacheAnswers } from "../../app/inference/cache.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import type { Work } from "../../app/inference/work.ts"
import { recognitionOptions } from "../../app/pipeline/options.ts"
import { type PaintedFace, paint, paintedSpace, personVector, readPainted } from "../support/painted.ts"
import { openTestBox, readyStatus, type TestBox } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }

async function enrol(box: TestBox, name: string): Promise<string> {
  const { id } = (await box.json("POST", "/v1/subjects", { name })).json
  const enrolled = await box.ask("POST", `/v1/subjects/${id}/faces`, { body: paint({ person: name }), headers: jpeg })
  expect(enrolled.status).toBe(201)
  return id
}

test("a picture in, names out: match, uncertain and unknown in one answer, largest first", async () => {
  await using box = await openTestBox()
  const adaId = await enrol(box, "Ada")
  await enrol(box, "Grace")
  const picture = paint(
    { person: "Ada", widthPx: 90, likeness: 0.9 },
    { person: "Grace", widthPx: 80, likeness: 0.45 },
    { person: "nobody we know", widthPx: 120 },
  )
  const { status, json, headers } = await box.ask("POST", "/v1/recognize", { body: picture, headers: jpeg })
  expect(status).toBe(200)
  expect(json.requestId).toBe(headers.get("x-request-id"))
  expect(json.models).toEqual({ detector: "painted/1", embedder: "painted/1", space: paintedSpace })
  expect(json.image).toEqual({ width: 640, height: 480 })
  expect(json.faces.map((face: { decision: string }) => face.decision)).toEqual(["unknown", "match", "uncertain"])
  const [stranger, ada, grace] = json.faces
  expect(ada.match).toEqual({
    subjectId: adaId,
    name: "Ada",
    faceId: expect.any(String),
    similarity: expect.closeTo(0.9, 5),
  })
  expect(ada.candidates).toHaveLength(2)
  expect(ada.candidates[0]).toEqual({ subjectId: adaId, name: "Ada", similarity: ada.match.similarity })
  expect(grace.match).toBeUndefined()
  expect(grace.candidates[0].name).toBe("Grace")
  expect(stranger.match).toBeUndefined()
  expect(stranger.candidates).toHaveLength(2)
  expect(json).toMatchObject({ degraded: [], cached: false })
  expect(Object.keys(json.timingsMs).sort()).toEqual(["align", "decode", "detect", "embed", "search", "total", "wait"])
})

test("no face is an answer like any other", async () => {
  await using box = await openTestBox()
  const { status, json } = await box.ask("POST", "/v1/recognize", { body: paint(), headers: jpeg })
  expect(status).toBe(200)
  expect(json.faces).toEqual([])
})

test("an empty gallery knows nobody", async () => {
  await using box = await openTestBox()
  const { json } = await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: jpeg })
  expect(json.faces).toMatchObject([{ decision: "unknown", candidates: [] }])
})

test("the query's options count", async () => {
  await using box = await openTestBox()
  for (const name of ["Ada", "Grace", "Mary"]) await enrol(box, name)
  const ask = async (query: string, ...faces: PaintedFace[]) =>
    (await box.ask("POST", `/v1/recognize?${query}`, { body: paint(...faces), headers: jpeg })).json.faces
  const blurred = { person: "Ada", likeness: 0.45 }
  expect(await ask("candidates=2", blurred)).toMatchObject([{ decision: "uncertain", candidates: [{}, {}] }])
  expect((await ask("candidates=2", blurred))[0].candidates).toHaveLength(2)
  expect(await ask("threshold=0.4", blurred)).toMatchObject([{ decision: "match", match: { name: "Ada" } }])
  expect(await ask("threshold=0.999", { person: "Ada", likeness: 0.9 })).toMatchObject([{ decision: "uncertain" }])
  expect(await ask("faceWidthPxMin=20", { person: "Ada", widthPx: 30 })).toHaveLength(1)
  expect(await ask("", { person: "Ada", widthPx: 30 })).toHaveLength(0)
  const [withVector] = await ask("include=embedding", { person: "Ada" })
  expect(withVector.space).toBe(paintedSpace)
  expect(new Float32Array(withVector.embedding)).toEqual(personVector("Ada"))
  const [without] = await ask("", { person: "Ada" })
  expect(without).not.toHaveProperty("embedding")
  expect(without).not.toHaveProperty("space")
})

test.each([
  ["a raw JPEG", (picture: Uint8Array<ArrayBuffer>) => ({ body: picture, headers: jpeg })],
  [
    "an upper-case type with a parameter",
    (body: Uint8Array<ArrayBuffer>) => ({ body, headers: { "content-type": "IMAGE/PNG; q=1" } }),
  ],
  [
    "bytes of no said kind",
    (body: Uint8Array<ArrayBuffer>) => ({ body, headers: { "content-type": "application/octet-stream" } }),
  ],
  ["a form", (picture: Uint8Array<ArrayBuffer>) => ({ body: formOf({ file: picture }) })],
  ["base64 in JSON", (picture: Uint8Array) => jsonOf({ image: picture.toBase64() })],
  ["a data: URL in JSON", (picture: Uint8Array) => jsonOf({ image: `data:image/jpeg;base64,${picture.toBase64()}` })],
])("a picture may come as %s", async (_how, toInit) => {
  await using box = await openTestBox()
  for (const path of ["/v1/recognize", "/v1/detect", "/v1/embed"]) {
    const { status, json } = await box.ask("POST", path, toInit(paint({ person: "Ada" })))
    expect(status).toBe(200)
    expect(json.faces).toHaveLength(1)
  }
})

test("detect finds, embed gives vectors, and neither names anybody", async () => {
  await using box = await openTestBox()
  await enrol(box, "Ada")
  const picture = { body: paint({ person: "Ada" }), headers: jpeg }
  const detected = (await box.ask("POST", "/v1/detect", picture)).json.faces[0]
  expect(Object.keys(detected).sort()).toEqual(["box", "landmarks", "quality", "score"])
  const embedded = (await box.ask("POST", "/v1/embed", picture)).json.faces[0]
  expect(embedded.space).toBe(paintedSpace)
  expect(new Float32Array(embedded.embedding)).toEqual(personVector("Ada"))
})

test("verify: same, uncertain, different; and which of the two is at fault", async () => {
  await using box = await openTestBox()
  const compare = (a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>, query = "") =>
    box.ask("POST", `/v1/verify${query}`, { body: formOf({ a, b }) })
  const ada = paint({ person: "Ada" })
  expect((await compare(ada, ada)).json).toMatchObject({ decision: "same", similarity: expect.closeTo(1, 5) })
  expect((await compare(ada, paint({ person: "Ada", likeness: 0.45 }))).json.decision).toBe("uncertain")
  expect((await compare(ada, paint({ person: "Ada", likeness: 0.45 }), "?threshold=0.4")).json.decision).toBe("same")
  expect((await compare(ada, paint({ person: "Grace" }))).json.decision).toBe("different")
  const faceless = await compare(ada, paint())
  expect(faceless.status).toBe(422)
  expect(faceless.json.error).toMatchObject({ code: "no_face", message: expect.stringContaining(`picture "b"`) })
  const crowded = await compare(paint({ person: "Ada" }, { person: "Grace" }), ada)
  expect(crowded.json.error).toMatchObject({ code: "several_faces", message: expect.stringContaining(`picture "a"`) })
  const asJson = await box.json("POST", "/v1/verify", { a: ada.toBase64(), b: ada.toBase64() })
  expect(asJson.json.decision).toBe("same")
  expect((await box.ask("POST", "/v1/verify", { body: formOf({ a: ada }) })).json.error.message).toContain(`"b"`)
  expect((await box.ask("POST", "/v1/verify", { body: ada, headers: jpeg })).status).toBe(415)
})

test("search: whose vector this is, in decimal and in base64", async () => {
  await using box = await openTestBox()
  const adaId = await enrol(box, "Ada")
  const vector = personVector("Ada", 0.9)
  const asNumbers = { embedding: Array.from(vector), space: paintedSpace }
  const asBase64 = { embedding: new Uint8Array(vector.buffer).toBase64(), space: paintedSpace }
  const scaled = { embedding: Array.from(vector, (part) => part * 50), space: paintedSpace }
  for (const body of [asNumbers, asBase64, scaled]) {
    const { status, json } = await box.json("POST", "/v1/search", body)
    expect(status).toBe(200)
    expect(json).toMatchObject({ decision: "match", match: { subjectId: adaId, name: "Ada" } })
  }
  await enrol(box, "Grace")
  expect((await box.json("POST", "/v1/search", { ...asNumbers, k: 1 })).json.candidates).toHaveLength(1)
  expect((await box.json("POST", "/v1/search", { ...asNumbers, k: 2 })).json.candidates).toHaveLength(2)
  expect((await box.json("POST", "/v1/search", { ...asNumbers, threshold: 1 })).json.decision).toBe("uncertain")
})

test("a camera's frame is recorded when somebody is in it, with the picture its engine made", async () => {
  await using box = await openTestBox()
  await enrol(box, "Ada")
  const ask = async (query: string, ...faces: PaintedFace[]) =>
    (await box.ask("POST", `/v1/recognize?${query}`, { body: paint(...faces), headers: jpeg })).json
  const { requestId, sightingId } = await ask("camera=door&capturedAtMs=1700000000000", { person: "Ada" })
  expect((await box.ask("GET", `/v1/sightings/${sightingId}`)).json).toMatchObject({
    camera: "door",
    requestId,
    capturedAtMs: 1_700_000_000_000,
    faces: [{ decision: "match", name: "Ada" }],
  })
  expect(await ask("camera=door")).not.toHaveProperty("sightingId")
  expect(await ask("", { person: "Ada" })).not.toHaveProperty("sightingId")
  expect((await box.ask("GET", "/v1/sightings")).json.items).toHaveLength(1)
})

test("a full disk closes no door: the names come all the same, and the answer says what is missing", async () => {
  await using plain = await openTestBox()
  const record = () => ({ kind: "not_recorded", why: "the disk is full" }) as const
  await using box = await openTestBox({ sightings: { ...plain.needs.sightings, record } })
  const asked = await box.ask("POST", "/v1/recognize?camera=door", { body: paint({ person: "Ada" }), headers: jpeg })
  expect([asked.status, asked.json.notRecorded]).toEqual([200, "the disk is full"])
})

test("prefer=fast: half the size at once, the full size on the stream under the same requestId, and that is what is recorded", async () => {
  const asked: Work[] = []
  const analyze: HttpNeeds["pool"]["analyze"] = (work) => {
    asked.push(work)
    const faceWidthPxMin = work.options.detectorInput === "small" ? 80 : 40
    return readPainted({ ...work, options: { ...work.options, faceWidthPxMin } })
  }
  await using box = await openTestBox({ pool: { analyze, status: () => readyStatus } })
  const id = await enrol(box, "Ada")
  asked.length = 0
  const stream = box.listen(`/v1/sightings/stream?subject=${id}`)
  expect((await stream.next()).value?.event).toBe("listening")

  const body = paint({ person: "a stranger", widthPx: 100 }, { person: "Ada", widthPx: 60 })
  const quick = await box.ask("POST", "/v1/recognize?camera=door&prefer=fast", { body, headers: jpeg })
  expect(quick.json).toMatchObject({ refines: true, degraded: ["detectorInput"], faces: [{ decision: "unknown" }] })
  expect(quick.json).not.toHaveProperty("sightingId")

  const { requestId } = quick.json
  const sighting = (await stream.next()).value
  expect(sighting).toMatchObject({ event: "sighting", data: { requestId, camera: "door", faces: [{}, { name: "Ada" }] } })
  const refined = (await stream.next()).value
  expect(refined).toMatchObject({ event: "refined", data: { requestId, degraded: [], sightingId: sighting?.data.id } })
  expect(refined?.data.faces).toMatchObject([{ decision: "unknown" }, { match: { name: "Ada" } }])
  expect(refined?.data).not.toHaveProperty("refines")
  expect(asked.map(({ priority, options }) => [priority, options.detectorInput, options.snapshot !== undefined])).toEqual([
    ["interactive", "small", false],
    ["background", undefined, true],
  ])
  await stream.return(undefined)
})

test("prefer=fast without room for another full look stands alone, and is what is recorded", async () => {
  await using box = await openTestBox({ recognition: recognitionOptions.parse({ refine: { atOnceMax: 0 } }) })
  const picture = { body: paint({ person: "Ada" }), headers: jpeg }
  const { json } = await box.ask("POST", "/v1/recognize?camera=door&prefer=fast", picture)
  expect(json).toMatchObject({ refines: false, degraded: ["detectorInput"], sightingId: expect.any(String) })
})

test("prefer=fast whose full look never begins: the quick one is recorded, and no refined answer is told", async () => {
  const analyze: HttpNeeds["pool"]["analyze"] = async (work) =>
    work.priority === "background" ? { kind: "expired", retryAfterS: 1 } : readPainted(work)
  await using box = await openTestBox({ pool: { analyze, status: () => readyStatus } })
  const stream = box.listen("/v1/sightings/stream")
  await stream.next()
  const picture = { body: paint({ person: "Ada" }), headers: jpeg }
  const quick = await box.ask("POST", "/v1/recognize?camera=door&prefer=fast", picture)
  expect(quick.json.refines).toBe(true)
  expect((await stream.next()).value).toMatchObject({ event: "sighting", data: { requestId: quick.json.requestId } })
  const next = await box.ask("POST", "/v1/recognize?camera=gate", picture)
  expect((await stream.next()).value).toMatchObject({ event: "sighting", data: { requestId: next.json.requestId } })
  await stream.return(undefined)
})

test.each(["camera=", "camera=a%20door", "camera=..", `camera=${"x".repeat(65)}`, "prefer=slow", "capturedAtMs=yesterday"])(
  "the query %s is refused with its name",
  async (query) => {
    await using box = await openTestBox()
    const asked = await box.ask("POST", `/v1/recognize?${query}`, { body: paint(), headers: jpeg })
    expect(asked.status).toBe(400)
    expect(asked.json.error.message).toContain(query.split("=")[0] ?? "")
  },
)

test("each route asks the engines by its own policy, with the caller's priority; enrolment never makes do with less", async () => {
  const asked: Work[] = []
  const analyze: HttpNeeds["pool"]["analyze"] = async (work) => {
    asked.push(work)
    const answer = await readPainted(work)
    return answer.kind === "ok" && work.policy === "degrade" ? { ...answer, degraded: ["detectorInput"] } : answer
  }
  const policies = { recognize: "degrade", detect: "dropOldest", embed: "reject", verify: "degrade", enrol: "dropOldest" }
  const recognition = recognitionOptions.parse({ policies })
  await using box = await openTestBox({ pool: { analyze, status: () => readyStatus }, recognition })
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  const body = paint({ person: "Ada" })
  const init = { body, headers: { ...jpeg, "x-priority": "background" } }
  const degraded = async (path: string, given: RequestInit = init) => (await box.ask("POST", path, given)).json.degraded
  expect(await degraded("/v1/recognize")).toEqual(["detectorInput"])
  expect(await degraded("/v1/detect")).toEqual([])
  expect(await degraded("/v1/embed")).toEqual([])
  expect(await degraded("/v1/verify", { body: formOf({ a: body, b: body }) })).toEqual(["detectorInput"])
  await box.ask("POST", `/v1/subjects/${id}/faces`, init)
  expect(asked.map(({ policy, priority }) => [policy, priority])).toEqual([
    ["degrade", "background"],
    ["dropOldest", "background"],
    ["reject", "background"],
    ["degrade", "interactive"],
    ["degrade", "interactive"],
    ["dropOldest", "background"],
  ])
  expect(recognitionOptions.safeParse({ policies: { enrol: "degrade" } }).success).toBe(false)
  const wrong = await box.ask("POST", "/v1/detect", { body, headers: { ...jpeg, "x-priority": "urgent" } })
  expect([wrong.status, wrong.json.error.message]).toEqual([400, expect.stringContaining("x-priority")])
})

test("an answer given again says so, and names are looked up anew", async () => {
  const metrics = createMetrics()
  const cache = inferenceOptions.parse({}).cache
  const pool = { analyze: cacheAnswers(readPainted, paintedSpace, cache, metrics), status: () => readyStatus }
  await using box = await openTestBox({ pool, metrics })
  const ask = async () => (await box.ask("POST", "/v1/recognize", { body: paint({ person: "Ada" }), headers: jpeg })).json
  const first = await ask()
  expect([first.cached, first.faces[0].decision]).toEqual([false, "unknown"])
  await enrol(box, "Ada")
  const second = await ask()
  expect([second.cached, second.faces[0].decision]).toEqual([true, "match"])
  expect(second.timingsMs).toMatchObject({ wait: 0, decode: 0, detect: 0, align: 0, embed: 0, cache: expect.any(Number) })
})

test.each([
  ["another space", { embedding: Array(64).fill(1), space: "other@00000000/64" }, "wrong_space"],
  ["no space at all", { embedding: Array(64).fill(1), space: "nonsense" }, "wrong_space"],
  ["another length", { embedding: Array(63).fill(1), space: paintedSpace }, "wrong_space"],
  ["another length in base64", { embedding: new Uint8Array(63 * 4).fill(1).toBase64(), space: paintedSpace }, "wrong_space"],
  ["no direction", { embedding: Array(64).fill(0), space: paintedSpace }, "bad_vector"],
  [
    "NaN in base64",
    { embedding: new Uint8Array(new Float32Array(64).fill(Number.NaN).buffer).toBase64(), space: paintedSpace },
    "bad_vector",
  ],
  ["numbers too large to square", { embedding: Array(64).fill(1e308), space: paintedSpace }, "bad_vector"],
])("a vector of %s is refused for search and for enrolment, and the active space is named", async (_what, body, code) => {
  await using box = await openTestBox()
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  for (const path of ["/v1/search", `/v1/subjects/${id}/faces`]) {
    const { status, json } = await box.json("POST", path, body)
    expect(status).toBe(422)
    expect(json.error.code).toBe(code)
    if (code === "wrong_space") expect(json.error.message).toContain(paintedSpace)
  }
  expect((await box.ask("GET", `/v1/subjects/${id}/faces`)).json.items).toEqual([])
})

function formOf(files: Record<string, Uint8Array<ArrayBuffer>>): FormData {
  const form = new FormData()
  for (const [name, bytes] of Object.entries(files)) form.append(name, new File([bytes], `${name}.jpg`))
  return form
}

function jsonOf(body: unknown): RequestInit {
  return { body: JSON.stringify(body), headers: { "content-type": "application/json" } }
}
