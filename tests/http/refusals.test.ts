import { expect, test } from "bun:test"
import type { HttpNeeds } from "../../app/http/needs.ts"
import { httpOptions } from "../../app/http/options.ts"
import type { Answer } from "../../app/inference/answer.ts"
import { recognitionOptions } from "../../app/pipeline/options.ts"
import { paint, readPainted } from "../support/painted.ts"
import { openTestBox, readyStatus, testKey } from "./box.ts"

const jpeg = { "content-type": "image/jpeg" }
const json = { "content-type": "application/json" }
const picture = { body: paint({ person: "Ada" }), headers: jpeg }

const poolThat = (analyze: () => Promise<Answer>): HttpNeeds["pool"] => ({ analyze, status: () => readyStatus })

test.each([
  ["overloaded", { kind: "overloaded", retryAfterS: 3 }, 503, "overloaded"],
  ["unavailable", { kind: "unavailable", retryAfterS: 0.2, why: "no engine is up" }, 503, "unavailable"],
  ["expired", { kind: "expired", retryAfterS: 1 }, 503, "deadline_exceeded"],
  ["no picture", { kind: "refused", reason: "unsupported_media_type", why: "GIF" }, 415, "unsupported_media_type"],
  ["too many pixels", { kind: "refused", reason: "image_too_large", why: "26 megapixels" }, 413, "image_too_large"],
  ["a broken picture", { kind: "refused", reason: "bad_image", why: "cut off" }, 422, "bad_image"],
] as const)("engines that say %s", async (_what, answer, status, code) => {
  await using box = await openTestBox({ pool: poolThat(async () => answer) })
  const { id } = (await box.json("POST", "/v1/subjects", { name: "Ada" })).json
  const pair = new FormData()
  for (const side of ["a", "b"]) pair.append(side, new File([picture.body], side))
  for (const asked of [
    await box.ask("POST", "/v1/recognize", picture),
    await box.ask("POST", "/v1/detect", picture),
    await box.ask("POST", "/v1/embed", picture),
    await box.ask("POST", `/v1/subjects/${id}/faces`, picture),
    await box.ask("POST", "/v1/verify", { body: pair }),
  ]) {
    expect([asked.status, asked.json.error.code]).toEqual([status, code])
    if (status === 503)
      expect(asked.headers.get("retry-after")).toBe("retryAfterS" in answer && answer.retryAfterS === 3 ? "3" : "1")
  }
})

test("the deadline travels to the engines, less what has passed", async () => {
  const leftMs: number[] = []
  const pool: HttpNeeds["pool"] = {
    analyze: (work) => {
      leftMs.push(work.deadlineTickMs - performance.now())
      return readPainted(work)
    },
    status: () => readyStatus,
  }
  await using box = await openTestBox({ pool })
  await box.ask("POST", "/v1/recognize", picture)
  await box.ask("POST", "/v1/recognize", { ...picture, headers: { ...jpeg, "x-deadline-ms": "700" } })
  expect(leftMs[0]).toBeWithin(600, 801)
  expect(leftMs[1]).toBeWithin(400, 701)
})

test.each(["99", "60001", "-5", "abc", "", "1e3", "NaN", "500.5"])("x-deadline-ms: %p is refused", async (value) => {
  await using box = await openTestBox()
  const asked = await box.ask("POST", "/v1/recognize", { ...picture, headers: { ...jpeg, "x-deadline-ms": value } })
  expect(asked.status).toBe(400)
  expect(asked.json.error.message).toContain("x-deadline-ms")
})

test("a body that does not come in time: 503 when the caller's own deadline has passed", async () => {
  await using box = await openTestBox()
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) })
  const asked = await box.ask("POST", "/v1/recognize", { body, headers: { ...jpeg, "x-deadline-ms": "100" } })
  expect([asked.status, asked.json.error.code]).toEqual([503, "deadline_exceeded"])
})

test("without a deadline of the caller's own a slow body costs the engines' time nothing, within a limit of its own", async () => {
  const late = (ms: number) =>
    new ReadableStream({
      pull: async (controller) => {
        await Bun.sleep(ms)
        controller.enqueue(picture.body)
        controller.close()
      },
    })
  const recognition = recognitionOptions.parse({ budgetMs: 200 })
  await using box = await openTestBox({ recognition, http: httpOptions.parse({ bodyReadMs: 600 }) })
  const ask = (ms: number) => box.ask("POST", "/v1/recognize", { body: late(ms), headers: jpeg })
  expect((await ask(300)).status).toBe(200)
  const asked = await ask(5000)
  expect([asked.status, asked.json.error.code]).toEqual([503, "deadline_exceeded"])
})

test("a body whose connection breaks is no bug of ours", async () => {
  await using box = await openTestBox()
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) })
  expect((await box.ask("POST", "/v1/recognize", { body, headers: jpeg })).status).toBe(400)
})

test.each([
  "candidates=0",
  "candidates=51",
  "candidates=-1",
  "candidates=NaN",
  "candidates=1.5",
  "candidates=",
  "candidates=5&candidates=6",
  "candidates=99999999999999999999",
  "threshold=2",
  "threshold=abc",
  "threshold=Infinity",
  "threshold=0x1",
  "faceWidthPxMin=0",
  "faceWidthPxMin=-40",
  "include=everything",
  "candidate=5",
  "__proto__=1",
  "%00=1",
])("the query %s is refused with its name", async (query) => {
  await using box = await openTestBox()
  const asked = await box.ask("POST", `/v1/recognize?${query}`, picture)
  expect(asked.status).toBe(400)
  const name = decodeURIComponent(query.split("=")[0] ?? "")
  expect(asked.json.error.message).toContain(name)
})

test.each(["limit=0", "limit=1001", "limit=x", "after=", "after=1&after=2", "page=2"])(
  "GET /v1/subjects?%s is refused",
  async (query) => {
    await using box = await openTestBox()
    expect((await box.ask("GET", `/v1/subjects?${query}`)).status).toBe(400)
  },
)

test.each([
  ["no content-type", { body: picture.body }],
  ["curl's own default", { body: picture.body, headers: { "content-type": "application/x-www-form-urlencoded" } }],
  ["two content-types in one", { body: picture.body, headers: { "content-type": "image/jpeg, image/png" } }],
  ["a type we do not read", { body: picture.body, headers: { "content-type": "image/gif" } }],
  ["a name of Object's", { body: picture.body, headers: { "content-type": "constructor" } }],
  ["an empty type", { body: picture.body, headers: { "content-type": "" } }],
  ["a compressed body", { body: picture.body, headers: { ...jpeg, "content-encoding": "gzip" } }],
])("%s: 415", async (_what, init) => {
  await using box = await openTestBox()
  const asked = await box.ask("POST", "/v1/recognize", init)
  expect([asked.status, asked.json.error.code]).toEqual([415, "unsupported_media_type"])
})

test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["a bare value", "7"],
  ["null", "null"],
  ["a list", "[]"],
  ["an unknown key", `{ "image": "AAAA", "picture": "AAAA" }`],
  ["a number for a picture", `{ "image": 7 }`],
  ["no base64", `{ "image": "!!!!" }`],
  ["an empty picture", `{ "image": "" }`],
  ["a data: URL of text", `{ "image": "data:text/plain,hello" }`],
  ["deep nesting", `${"[".repeat(30_000)}${"]".repeat(30_000)}`],
  ["a prototype", `{ "__proto__": { "image": "AAAA" } }`],
])("JSON that is %s: 400", async (_what, body) => {
  await using box = await openTestBox()
  for (const path of ["/v1/recognize", "/v1/detect", "/v1/verify", "/v1/search", "/v1/subjects"]) {
    const asked = await box.ask("POST", path, { body, headers: json })
    expect([asked.status, asked.json.error.code]).toEqual([400, "bad_request"])
  }
})

test("JSON that is not UTF-8: 400", async () => {
  await using box = await openTestBox()
  const body = new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])
  expect((await box.ask("POST", "/v1/subjects", { body, headers: json })).status).toBe(400)
})

test.each([
  ["k of zero", { k: 0 }],
  ["k too large", { k: 51 }],
  ["k of no number", { k: "5" }],
  ["a threshold beyond 1", { threshold: 1.5 }],
  ["text among the numbers", { embedding: ["1", "2"] }],
  ["null among the numbers", { embedding: [null] }],
  ["an empty vector", { embedding: [] }],
  ["base64 of half a number", { embedding: "AAA=" }],
  ["more numbers than any vector has", { embedding: Array(4097).fill(0) }],
  ["no space", { space: undefined }],
])("a search with %s: 400", async (_what, part) => {
  await using box = await openTestBox()
  const asked = await box.json("POST", "/v1/search", { embedding: [1, 2], space: "x", ...part })
  expect(asked.status).toBe(400)
})

const boundary = "b0und"
const form = (body: string, type = `multipart/form-data; boundary=${boundary}`) => ({ body, headers: { "content-type": type } })
const part = (disposition: string, content: string) =>
  `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`

test.each([
  ["without a boundary", form("x", "multipart/form-data")],
  ["with another boundary", form("x", "multipart/form-data; boundary=other")],
  ["that is cut off", form(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nabc`)],
  ["that is empty", form("")],
  ["without the field", form(`${part(`name="photo"; filename="a.jpg"`, "abc")}--${boundary}--\r\n`)],
  ["whose field is text", form(`${part(`name="file"`, "abc")}--${boundary}--\r\n`)],
  ["whose file is empty", form(`${part(`name="file"; filename="a.jpg"`, "")}--${boundary}--\r\n`)],
  ["with the field twice", form(`${part(`name="file"; filename="a"`, "abc").repeat(2)}--${boundary}--\r\n`)],
])("a form %s: 400", async (_what, init) => {
  await using box = await openTestBox()
  const asked = await box.ask("POST", "/v1/recognize", init)
  expect([asked.status, asked.json.error.code]).toEqual([400, "bad_request"])
})

test("an empty body is no picture", async () => {
  await using box = await openTestBox()
  expect((await box.ask("POST", "/v1/recognize", { headers: jpeg })).status).toBe(400)
  expect((await box.ask("POST", "/v1/recognize", { body: new Uint8Array(0), headers: jpeg })).status).toBe(400)
})

/** The test box takes pictures of 100,000 bytes. */
const tooLarge = new Uint8Array(100_001)
const formOf = (file: Uint8Array<ArrayBuffer>) => {
  const body = new FormData()
  body.append("file", new File([file], "a.jpg"))
  return body
}
test.each([
  ["as it is", { body: tooLarge, headers: jpeg }],
  ["declared only", { body: "", headers: { ...jpeg, "content-length": "100001" } }],
  ["in pieces of no declared length", { body: piecesOf(30_000), headers: jpeg }],
  ["in a form", { body: formOf(tooLarge) }],
  ["in a form far too large", { body: formOf(new Uint8Array(500_000)) }],
  ["in base64", { body: JSON.stringify({ image: tooLarge.toBase64() }), headers: json }],
  ["in base64 far too long", { body: JSON.stringify({ image: "A".repeat(5_000_000) }), headers: json }],
])("a picture that is too large, %s: 413 with words", async (_how, init) => {
  await using box = await openTestBox()
  const asked = await box.ask("POST", "/v1/recognize", init)
  expect([asked.status, asked.json.error.code]).toEqual([413, "image_too_large"])
  expect(asked.json.error.message).toMatch(/\d{6}/)
})

test("the largest picture is taken in every form", async () => {
  const pool = poolThat(async () => ({ kind: "refused", reason: "bad_image", why: "seen" }))
  await using box = await openTestBox({ pool })
  const largest = new Uint8Array(100_000)
  for (const init of [
    { body: largest, headers: jpeg },
    { body: formOf(largest) },
    { body: JSON.stringify({ image: largest.toBase64() }), headers: json },
  ])
    expect((await box.ask("POST", "/v1/recognize", init)).status).toBe(422)
})

test("a document that is too large: 413", async () => {
  await using box = await openTestBox()
  const asked = await box.json("POST", "/v1/subjects", { name: "x".repeat(300_000) })
  expect([asked.status, asked.json.error.code]).toEqual([413, "body_too_large"])
})

test("many large bodies at once: some are refused at once, and room comes back", async () => {
  await using box = await openTestBox()
  const slowBody = () => new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) })
  const headers = { ...jpeg, "x-deadline-ms": "300" }
  const asked = await Promise.all(
    Array.from({ length: 40 }, () => box.ask("POST", "/v1/recognize", { body: slowBody(), headers })),
  )
  const codes = asked.map((one) => one.json.error.code)
  expect(codes.filter((code) => code === "overloaded")).toHaveLength(8)
  expect(codes.filter((code) => code === "deadline_exceeded")).toHaveLength(32)
  expect((await box.ask("POST", "/v1/recognize", picture)).status).toBe(200)
})

test.each(["/", "/v1", "/v1/", "/v1/recognize/", "/v1/nothing", "/V1/subjects", "/v1/subjects//faces", "/.env"])(
  "there is no %s",
  async (path) => {
    await using box = await openTestBox()
    for (const method of ["GET", "POST"]) {
      const asked = await box.ask(method, path)
      expect([asked.status, asked.json.error.code]).toEqual([404, "not_found"])
    }
  },
)

test("a method that a path does not take: 405 with those it takes", async () => {
  await using box = await openTestBox()
  for (const [method, path, allow] of [
    ["GET", "/v1/recognize", "POST"],
    ["PUT", `/v1/subjects/${crypto.randomUUID()}`, "GET, HEAD, PATCH, DELETE"],
    ["POST", "/healthz", "GET, HEAD"],
    ["OPTIONS", "/v1/subjects", "POST, GET, HEAD"],
  ] as const) {
    const response = await box.askRaw(method, path)
    expect([response.status, response.headers.get("allow")]).toEqual([405, allow])
    expect(await response.json()).toMatchObject({ error: { code: "method_not_allowed" } })
  }
})

test("a bug is a 500 that tells nothing of the inside", async () => {
  const pool = poolThat(() => Promise.reject(new Error("secret: /var/lib/gatehouse")))
  await using box = await openTestBox({ pool })
  const asked = await box.ask("POST", "/v1/recognize", picture)
  expect([asked.status, asked.json.error.code]).toEqual([500, "internal"])
  expect(asked.text).not.toContain("secret")
  expect(asked.text).not.toContain(testKey)
})

function piecesOf(bytes: number): ReadableStream {
  let left = 10
  return new ReadableStream({
    pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(bytes)) : controller.close()),
  })
}
