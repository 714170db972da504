import { expect, test } from "bun:test"
import { httpOptions } from "../../app/http/options.ts"
import { openTestBox } from "./box.ts"

const desk = "https://desk.example:8443"
const withDesk = { http: httpOptions.parse({ corsOrigins: [desk] }) }

const preflight = (origin: string) => ({
  headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key,content-type" },
})

test("without an origin named no page may ask", async () => {
  await using box = await openTestBox()
  expect((await box.ask("OPTIONS", "/v1/recognize", preflight(desk))).status).toBe(405)
  const answer = await box.ask("GET", "/v1/system", { headers: { origin: desk } })
  expect(answer.headers.get("access-control-allow-origin")).toBeNull()
})

test("a page of a named origin may send what the routes take, and read what they say", async () => {
  await using box = await openTestBox(withDesk)
  const asked = await box.askRaw("OPTIONS", "/v1/recognize", preflight(desk))
  expect(asked.status).toBe(204)
  expect(asked.headers.get("access-control-allow-origin")).toBe(desk)
  expect(asked.headers.get("access-control-allow-credentials")).toBeNull()
  const allowed = asked.headers.get("access-control-allow-headers")?.split(",")
  for (const header of ["x-api-key", "authorization", "content-type", "x-deadline-ms", "x-priority", "idempotency-key"])
    expect(allowed).toContain(header)
  expect(asked.headers.get("access-control-allow-methods")?.split(",")).toContain("PATCH")

  const answer = await box.askRaw("GET", "/v1/system", { headers: { origin: desk } })
  expect(answer.headers.get("access-control-allow-origin")).toBe(desk)
  expect(answer.headers.get("vary")).toBe("Origin")
  expect(answer.headers.get("access-control-expose-headers")?.split(",")).toContain("retry-after")
  const refused = await box.askRaw("GET", "/v1/subjects/7", { headers: { origin: desk } })
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([404, desk])
})

test.each([
  "https://desk.example",
  "http://desk.example:8443",
  "https://desk.example:8444",
  "https://evil.desk.example:8443",
  "https://desk.example:8443.evil.example",
  "https://DESK.example:8443",
  "null",
  "*",
  "",
])("the origin %p is another one", async (origin) => {
  await using box = await openTestBox(withDesk)
  expect((await box.ask("OPTIONS", "/v1/recognize", preflight(origin))).status).toBe(405)
  const answer = await box.ask("GET", "/v1/system", { headers: { origin } })
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, null])
})

test.each([
  "*",
  "null",
  "desk.example",
  "https://desk.example/",
  "https://desk.example/page",
  "https://*.example",
  "ftp://desk.example",
  "https://user@desk.example",
  "https://DESK.example",
])("%p is no origin to name in the configuration", (corsOrigin) => {
  expect(httpOptions.safeParse({ corsOrigins: [corsOrigin] }).success).toBe(false)
})
