import { expect, test } from "bun:test"
import { statusOf } from "../../app/http/problem.ts"
import { doorCodes } from "../../app/http/route.ts"
import { openTestBox } from "./box.ts"

type Json = Record<string, unknown>

test("the document describes every route, with every answer and every error it may give", async () => {
  await using box = await openTestBox()
  const { json } = await box.askWithoutKey("GET", "/openapi.json")
  expect(json.openapi).toBe("3.1.0")
  const described = Object.entries<Json>(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  const routes = box.routes.filter(({ undescribed }) => undescribed !== true)
  expect(described.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort())
  for (const route of routes) {
    const operation = json.paths[route.path][route.method]
    const statuses = new Set([
      ...Object.keys(route.answers),
      ...[...doorCodes(route), ...(route.errors ?? [])].map((code) => String(statusOf[code])),
    ])
    expect(Object.keys(operation.responses).sort()).toEqual([...statuses].sort())
    expect(operation.security).toHaveLength(route.access === "open" || route.access === "secure" ? 0 : 2)
    expect(Object.keys(operation.requestBody?.content ?? {})).toEqual(Object.keys(route.body ?? {}))
  }
  const ids = Object.values<Json>(json.paths).flatMap((methods) =>
    Object.values(methods).map((one) => (one as Json).operationId),
  )
  expect(new Set(ids).size).toBe(ids.length)
})

test("every reference leads somewhere, and every component is used", async () => {
  await using box = await openTestBox()
  const { json, text } = await box.askWithoutKey("GET", "/openapi.json")
  const referenced = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name))
  expect([...referenced].sort()).toEqual(Object.keys(json.components.schemas).sort())
  expect(text).not.toContain("$schema")
  expect(text).not.toContain("$defs")
})

test("parameters say type, bounds and default as the door parses them", async () => {
  await using box = await openTestBox()
  const { json } = await box.askWithoutKey("GET", "/openapi.json")
  const parameter = (path: string, method: string, name: string) =>
    json.paths[path][method].parameters.find((one: Json) => one.name === name)
  expect(parameter("/v1/recognize", "post", "candidates")).toMatchObject({
    in: "query",
    schema: { type: "integer", minimum: 1, maximum: 50 },
  })
  expect(parameter("/v1/subjects", "get", "limit").schema).toMatchObject({ default: 100, maximum: 1000 })
  expect(parameter("/v1/recognize", "post", "x-deadline-ms")).toMatchObject({ in: "header", schema: { minimum: 100 } })
  expect(parameter("/v1/subjects/{id}", "get", "id")).toMatchObject({ in: "path", required: true })
  const { schemas } = json.components
  expect(schemas.Recognition).toMatchObject({ type: "object", additionalProperties: false })
  expect(schemas.Search.properties).toMatchObject({ k: { default: 5 }, space: { type: "string" } })
  expect(schemas.Search.required).toEqual(["embedding", "space"])
})
