import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import createClient, { type Client } from "openapi-fetch"
import sharp from "sharp"
import { projectRoot } from "../../app/base/paths.ts"
import type { paths } from "../../app/http/client/schema.ts"
import { clientSchema, schemaPath } from "../../scripts/client.ts"
import { startBox, testAdminKey } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const group = join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg")
/** One woman of the group. */
const portrait = sharp(group).extract({ left: 1340, top: 80, width: 490, height: 650 }).jpeg()

/** Pictures go as they are, several as the fields of a form, and everything else as JSON. */
function serialize(body: unknown): Blob | FormData | string {
  if (body instanceof Blob) return body
  const fields = Object.entries(body ?? {})
  if (!fields.some(([, value]) => value instanceof Blob)) return JSON.stringify(body)
  const form = new FormData()
  for (const [name, value] of fields) form.append(name, value, `${name}.jpg`)
  return form
}

/** Without it the client calls every body JSON. */
const headers = { "content-type": "image/jpeg" }

function clientOf(url: string, key = testAdminKey): Client<paths> {
  return createClient<paths>({ baseUrl: url, headers: { "x-api-key": key }, bodySerializer: serialize })
}

test("the types of the client are those of the routes", async () => {
  if (readFileSync(schemaPath, "utf8") !== (await clientSchema()))
    throw new Error(`${schemaPath} is stale: bun scripts/client.ts writes it anew`)
})

test("the typed client goes the whole way: enrol, recognise, see, delete", async () => {
  using folder = tempFolder()
  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  const client = clientOf(box.url)
  const picture = new Blob([new Uint8Array(await portrait.toBuffer())], { type: "image/jpeg" })

  const created = await client.POST("/v1/subjects", { body: { name: "Ada" } })
  const id = created.data?.id ?? ""
  expect(created.response.status).toBe(201)
  const path = { id }
  const enrolled = await client.POST("/v1/subjects/{id}/faces", { params: { path }, body: picture, headers })
  expect(enrolled.error).toBeUndefined()
  expect(enrolled.data?.face.subjectId).toBe(id)

  const query = { camera: "door", capturedAtMs: 1_700_000_000_000 }
  const recognized = await client.POST("/v1/recognize", { params: { query }, body: picture, headers })
  expect(recognized.error).toBeUndefined()
  expect(recognized.data?.faces[0]?.match?.name).toBe("Ada")

  const seen = await client.GET("/v1/sightings", { params: { query: { camera: "door", subject: id, limit: 10 } } })
  expect(seen.data?.items).toHaveLength(1)
  const sighting = seen.data?.items[0]
  expect(sighting).toMatchObject({ id: recognized.data?.sightingId, capturedAtMs: 1_700_000_000_000, hasSnapshot: true })
  const snapshot = await client.GET("/v1/sightings/{id}/snapshot.jpg", {
    params: { path: { id: sighting?.id ?? "" }, query: { annotate: false } },
    parseAs: "blob",
  })
  expect(snapshot.data?.type).toBe("image/jpeg")
  expect(snapshot.data?.size).toBeGreaterThan(1000)

  const verified = await client.POST("/v1/verify", { body: { a: picture, b: picture } })
  expect(verified.data?.decision).toBe("same")

  expect((await client.DELETE("/v1/subjects/{id}", { params: { path } })).response.status).toBe(204)
  const after = await client.GET("/v1/sightings/{id}", { params: { path: { id: sighting?.id ?? "" } } })
  expect(after.data?.faces[0]).toMatchObject({ forgotten: true })
  expect(after.data?.faces[0]).not.toHaveProperty("name")
})

test("what goes wrong is typed too", async () => {
  using folder = tempFolder()
  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  const stranger = await clientOf(box.url, "gh_guessed").GET("/v1/system")
  expect([stranger.response.status, stranger.error?.error.code]).toEqual([401, "unauthorized"])
  const nobody = await clientOf(box.url).GET("/v1/subjects/{id}", { params: { path: { id: crypto.randomUUID() } } })
  expect(nobody.error?.error.code).toBe("not_found")
})
