import { expect, test } from "bun:test"
import type { Work } from "../../app/inference/work.ts"
import { paint, paintedSnapshot, readPainted } from "../support/painted.ts"
import { openTestBox, readyStatus, type TestBox } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }
const ada = paint({ person: "Ada" })

async function enrolAda(box: TestBox): Promise<string> {
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  await box.ask("POST", `/v1/subjects/${id}/faces`, { body: ada, headers: jpeg })
  return id
}

const ingest = (box: TestBox, body: Uint8Array<ArrayBuffer>, path = "/ingest/front") =>
  box.ask("POST", path, { body, headers: jpeg })

test("a frame with faces is answered in brief, and recorded", async () => {
  await using box = await openTestBox()
  const subjectId = await enrolAda(box)
  const picture = paint(
    { person: "Ada", likeness: 0.9 },
    { person: "Ada", likeness: 0.45, widthPx: 90 },
    { person: "x", widthPx: 80 },
  )
  const { status, json } = await ingest(box, picture, "/ingest/front-door_1.a?capturedAtMs=1700000000000")
  expect(status).toBe(200)
  expect(json).toMatchObject({ camera: "front-door_1.a", image: { width: 640, height: 480 }, degraded: [] })
  expect(json.faces).toMatchObject([
    { decision: "match", subjectId, name: "Ada", similarity: expect.closeTo(0.9, 5) },
    { decision: "uncertain", subjectId, name: "Ada" },
    { decision: "unknown" },
  ])
  expect(json.faces[2]).not.toHaveProperty("subjectId")

  const sighting = (await box.ask("GET", `/v1/sightings/${json.sightingId}`)).json
  expect(sighting).toMatchObject({
    camera: "front-door_1.a",
    requestId: json.requestId,
    capturedAtMs: 1_700_000_000_000,
    hasSnapshot: true,
  })
  expect(sighting.faces).toMatchObject([
    { decision: "match", subjectId, name: "Ada", qualityScore: 0.9 },
    { decision: "uncertain", subjectId },
    { decision: "unknown", similarity: expect.any(Number) },
  ])
  expect(sighting.faces[2]).not.toHaveProperty("subjectId")
})

test("a frame without a face is answered, and not recorded", async () => {
  await using box = await openTestBox()
  const { status, json } = await ingest(box, paint())
  expect(status).toBe(200)
  expect(json).toMatchObject({ faces: [] })
  expect(json).not.toHaveProperty("sightingId")
  expect((await box.ask("GET", "/v1/sightings")).json).toEqual({ items: [] })
})

test("a frame comes as the body itself, as a form, or as JSON with its time", async () => {
  await using box = await openTestBox()
  const form = new FormData()
  form.set("file", new File([ada], "front.jpg"))
  const capturedAtMs = 1_600_000_000_000
  const answers = [
    await ingest(box, ada, `/ingest/front?capturedAtMs=${capturedAtMs}`),
    await box.ask("POST", `/ingest/front?capturedAtMs=${capturedAtMs}`, { body: form }),
    await box.json("POST", "/ingest/front", { image: Buffer.from(ada).toString("base64"), capturedAtMs }),
  ]
  for (const { status, json } of answers) {
    expect(status).toBe(200)
    expect(json.faces).toHaveLength(1)
  }
  const { items } = (await box.ask("GET", "/v1/sightings")).json
  expect(items.map((item: { capturedAtMs: number }) => item.capturedAtMs)).toEqual([capturedAtMs, capturedAtMs, capturedAtMs])
})

test("a time that lies ahead is not believed: the sighting stands where it came in", async () => {
  await using box = await openTestBox()
  const beforeMs = Date.now()
  await ingest(box, ada, `/ingest/front?capturedAtMs=${beforeMs + 600_000}`)
  await ingest(box, ada, `/ingest/front?capturedAtMs=${beforeMs + 1000}`)
  const { items } = (await box.ask("GET", "/v1/sightings")).json
  const times = items.map((item: { capturedAtMs: number }) => item.capturedAtMs)
  expect(times[0]).toBe(beforeMs + 1000) // A second or two is how clocks differ.
  expect(times[1]).toBeGreaterThanOrEqual(beforeMs)
  expect(times[1]).toBeLessThanOrEqual(Date.now())
})

test.each(["a b", "a%2Fb", "ä", "x".repeat(65), "a:b", "..."])("%s is no name of a camera", async (name) => {
  await using box = await openTestBox()
  const { status, json } = await ingest(box, ada, `/ingest/${encodeURI(name).replaceAll("%25", "%")}`)
  expect(status).toBe(400)
  expect(json.error.message).toContain("camera")
})

test.each(["-1", "1e3", "12.5", "99999999999999", "now"])("%s is no time", async (time) => {
  await using box = await openTestBox()
  expect((await ingest(box, ada, `/ingest/front?capturedAtMs=${time}`)).status).toBe(400)
})

test("the engines are told the camera, the policy of frames, and to keep the frame unless told not to", async () => {
  const asked: Work[] = []
  const pool = {
    status: () => readyStatus,
    analyze: (work: Work) => {
      asked.push(work)
      return readPainted(work)
    },
  }
  await using box = await openTestBox({ pool })
  await ingest(box, ada)
  expect(asked[0]).toMatchObject({
    camera: "front",
    policy: "dropOldest",
    options: { embed: "all", snapshot: { longestSidePx: 640, quality: 80 } },
  })
  await using forgetful = await openTestBox({ pool, sightingOptions: { ...box.needs.sightingOptions, keepSnapshots: false } })
  const { sightingId } = (await ingest(forgetful, ada)).json
  expect(asked[1]?.options.snapshot).toBeUndefined()
  expect((await forgetful.ask("GET", `/v1/sightings/${sightingId}`)).json.hasSnapshot).toBe(false)
  const noPicture = await forgetful.ask("GET", `/v1/sightings/${sightingId}/snapshot.jpg`)
  expect(noPicture).toMatchObject({ status: 404, json: { error: { message: expect.stringContaining("keepSnapshots") } } })
  expect((await forgetful.ask("GET", `/v1/sightings/${sightingId}/thumbnail.jpg`)).status).toBe(404)
})

test("a frame that a newer one replaced is told so", async () => {
  const pool = { status: () => readyStatus, analyze: async () => ({ kind: "superseded", retryAfterS: 1 }) as const }
  await using box = await openTestBox({ pool })
  expect(await ingest(box, ada)).toMatchObject({ status: 503, json: { error: { code: "superseded" } } })
})

test("what could not be recorded is not acknowledged", async () => {
  await using real = await openTestBox()
  const recordSoon = async () => ({ kind: "not_recorded", why: "the disk is full" }) as const
  const sightings = { ...real.needs.sightings, recordSoon }
  await using box = await openTestBox({ sightings })
  const { status, json, headers } = await ingest(box, ada)
  expect(status).toBe(503)
  expect(json.error.message).toContain("the disk is full")
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0)
})

test("the picture can be had as the camera saw it, with names, and small", async () => {
  await using box = await openTestBox()
  await enrolAda(box)
  const { sightingId } = (await ingest(box, ada)).json
  const at = `/v1/sightings/${sightingId}`
  const plain = await box.ask("GET", `${at}/snapshot.jpg?annotate=false`)
  expect(plain.bytes).toEqual(paintedSnapshot)
  const annotated = await box.ask("GET", `${at}/snapshot.jpg`)
  expect(annotated.status).toBe(200)
  expect(annotated.headers.get("content-type")).toBe("image/jpeg")
  expect(annotated.bytes).not.toEqual(plain.bytes)
  const small = await box.ask("GET", `${at}/thumbnail.jpg?widthPx=32`)
  expect(small.status).toBe(200)
  expect(small.bytes.length).toBeGreaterThan(100)
  for (const query of ["thumbnail.jpg?widthPx=5000", "snapshot.jpg?annotate=maybe"])
    expect((await box.ask("GET", `${at}/${query}`)).status).toBe(400)
})
