import { expect, test } from "bun:test"
import type { Access } from "../../app/http/route.ts"
import { openTestBox, testKey } from "./box.ts"

/** Who may ask what. A route without a row here fails the first test: nobody adds an open door by mistake. */
const rows: Record<string, Access> = {
  "POST /v1/recognize": "key",
  "POST /v1/detect": "key",
  "POST /v1/embed": "key",
  "POST /v1/verify": "key",
  "POST /v1/search": "key",
  "POST /v1/subjects": "key",
  "GET /v1/subjects": "key",
  "GET /v1/subjects/{id}": "key",
  "PATCH /v1/subjects/{id}": "key",
  "DELETE /v1/subjects/{id}": "key",
  "POST /v1/subjects/{id}/faces": "key",
  "GET /v1/subjects/{id}/faces": "key",
  "GET /v1/faces/{id}/image.jpg": "key",
  "DELETE /v1/faces/{id}": "key",
  "POST /v1/subjects/{id}/impostors": "key",
  "GET /v1/subjects/{id}/impostors": "key",
  "DELETE /v1/impostors/{id}": "key",
  "GET /v1/subjects/{id}/export": "key",
  "POST /v1/subjects/{id}/erase": "key",
  "GET /v1/erasures": "key",
  "GET /v1/erasures/{id}": "key",
  "POST /v1/subjects/{id}/merge": "key",
  "POST /v1/subjects/{id}/split": "key",
  "GET /v1/subjects/{id}/rearrangements": "key",
  "POST /v1/rearrangements/{id}/undo": "key",
  "POST /v1/enrolments": "key",
  "GET /v1/enrolments": "key",
  "GET /v1/enrolments/{id}": "key",
  "GET /v1/enrolments/{id}/items": "key",
  "GET /v1/enrolments/{id}/stream": "key",
  "DELETE /v1/enrolments/{id}": "key",
  "POST /ingest/{camera}": "key",
  "GET /v1/sightings": "key",
  "GET /v1/sightings/stream": "key",
  "GET /v1/sightings/{id}": "key",
  "DELETE /v1/sightings/{id}": "key",
  "GET /v1/sightings/{id}/snapshot.jpg": "key",
  "GET /v1/sightings/{id}/thumbnail.jpg": "key",
  "GET /v1/system": "key",
  "POST /v1/system/backups": "key",
  "GET /v1/system/backups": "key",
  "GET /v1/sync": "key",
  "GET /v1/sync/conflicts": "key",
  "DELETE /v1/sync/conflicts/{conflict}": "key",
  "DELETE /v1/sync/future/{entity}": "key",
  "GET /v1/bundles": "key",
  "POST /v1/bundles": "key",
  "POST /v1/bundles/receipts": "key",
  "POST /v1/system/reembedding": "key",
  "GET /v1/system/reembedding": "key",
  "DELETE /v1/system/reembedding": "key",
  "POST /v1/system/reembedding/flip": "key",
  "POST /v1/system/cpu-profile": "key_and_local",
  "POST /v1/system/heap-snapshot": "key_and_local",
  "GET /metrics": "key_unless_local",
  "GET /setup": "secure",
  "POST /setup": "secure",
  "GET /healthz": "open",
  "GET /readyz": "open",
  "GET /openapi.json": "open",
  "GET /docs": "open",
  "GET /docs/start.js": "open",
  "GET /docs/swagger-ui.js": "open",
  "GET /docs/style.css": "open",
}

const wrongKeys: Record<string, Record<string, string>> = {
  "no key": {},
  "a wrong bearer": { authorization: "Bearer wrong" },
  "a wrong api key": { "x-api-key": "wrong" },
  "an empty api key": { "x-api-key": "" },
  "an empty bearer": { authorization: "Bearer " },
  "the key as another scheme": { authorization: `Basic ${testKey}` },
  "the key without a scheme": { authorization: testKey },
  "a wrong bearer beside the right api key": { authorization: "Bearer wrong", "x-api-key": testKey },
  "the key in another case": { "x-api-key": testKey.toUpperCase() },
  "a very long key": { "x-api-key": "x".repeat(100_000) },
}

const far = { address: "192.0.2.7" }
const near = { address: "127.0.0.1" }

test("every route has a row, and every row a route", async () => {
  await using box = await openTestBox()
  const routes = box.routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  expect(routes.sort()).toEqual(Object.keys(rows).sort())
})

test.each(Object.entries(rows))("%s is %s", async (name, access) => {
  await using box = await openTestBox()
  const [method = "", pattern = ""] = name.split(" ")
  // A query that no route knows: whoever passes the door learns that, and no stream begins that would never end.
  const path = `${pattern.replace("{id}", crypto.randomUUID()).replace("{camera}", "door")}?nonsense=1`
  for (const [what, headers] of Object.entries(wrongKeys)) {
    for (const connection of [far, near, {}, { address: "::1" }, { address: "::ffff:127.0.0.1" }]) {
      const answer = await box.askWithoutKey(method, path, { headers }, connection)
      const local = "address" in connection && connection !== far
      // Over plain HTTP nobody passes there, and everybody over TLS.
      if (access === "secure") {
        expect(answer.status).toBe(403)
        const secure = { ...connection, isSecure: true }
        expect([401, 403]).not.toContain((await box.askWithoutKey(method, path, { headers }, secure)).status)
        continue
      }
      const mayPass = access === "open" || (access === "key_unless_local" && local)
      if ((answer.status !== 401) !== mayPass) throw new Error(`${what} from ${JSON.stringify(connection)}: ${answer.status}`)
      if (!mayPass) expect(answer.headers.get("www-authenticate")).toBe("Bearer")
    }
  }
  const withKey: Record<string, string>[] = [
    { authorization: `Bearer ${testKey}` },
    { authorization: `bearer  ${testKey}` },
    { "x-api-key": testKey },
    { authorization: "Basic anything", "x-api-key": testKey },
  ]
  for (const headers of withKey) {
    const { status } = await box.askWithoutKey(method, path, { headers }, far)
    expect(status).not.toBe(401)
    expect(status === 403).toBe(access === "key_and_local" || access === "secure")
  }
})

test("a proxy on this machine does not make its callers local", async () => {
  await using box = await openTestBox()
  for (const header of ["x-forwarded-for", "forwarded", "x-real-ip", "via"]) {
    const headers = { [header]: "192.0.2.7" }
    expect((await box.askWithoutKey("GET", "/metrics", { headers }, near)).status).toBe(401)
  }
})

test("without a key nothing of a request is looked at: no body is parsed and no engine asked", async () => {
  let analysed = 0
  await using plain = await openTestBox()
  const pool = {
    ...plain.needs.pool,
    analyze: () => {
      analysed += 1
      throw new Error("an engine was asked")
    },
  }
  await using box = await openTestBox({ pool })
  const body = new ReadableStream({
    pull: () => {
      throw new Error("the body was read")
    },
  })
  const answer = await box.askWithoutKey("POST", "/v1/recognize?nonsense=1", {
    body,
    headers: { "content-type": "image/jpeg" },
  })
  expect(answer.status).toBe(401)
  expect(analysed).toBe(0)
})
