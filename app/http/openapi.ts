import { z } from "zod"
import { assert } from "../base/assert.ts"
import { version } from "../base/version.ts"
import { answerSchemas, errorAnswer } from "./answers.ts"
import type { BodyFormat, StreamedFormat } from "./body.ts"
import type { EventStream } from "./event-stream.ts"
import { type ErrorCode, statusOf } from "./problem.ts"
import { requestSchemas, timedHeaders } from "./requests.ts"
import { type Content, doorCodes, type Route } from "./route.ts"

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of the routes, printed from what they are parsed and typed by. */
export function openApi(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes.filter(({ undescribed }) => undescribed !== true))
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route) }
  return {
    openapi: "3.1.0",
    info: { title: "Gatehouse", version, summary: "Face recognition on the box: a camera's picture in, a name out" },
    paths,
    components: {
      schemas: { ...components(answerSchemas, "output"), ...components(requestSchemas, "input") },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
  }
}

function operation(route: Route): Json {
  const parameters = parametersOf(route)
  return {
    summary: route.summary,
    ...(route.tag === undefined ? {} : { tags: [route.tag] }),
    operationId: `${route.method}${route.path.replaceAll(/[/.{}]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    security: route.access === "open" || route.access === "secure" ? [] : [{ bearer: [] }, { apiKey: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: mapValues<BodyFormat<unknown> | StreamedFormat<unknown>>(route.body, (format) => ({
              schema: bodySchema(format),
            })),
          },
        }),
    responses: { ...mapValues(route.answers, (content) => answer(content, route)), ...errors(route) },
  }
}

function parametersOf(route: Route): Json[] {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
  const ids = inPath.includes("id")
    ? [{ name: "id", in: "path", required: true, schema: { type: "string", format: "uuid" } }]
    : []
  return [
    ...ids,
    ...parameters(route.parameters, "path", { required: true }),
    ...parameters(route.query, "query"),
    ...parameters(route.headers, "header"),
    ...(route.timed === true ? parameters(timedHeaders, "header") : []),
  ]
}

function parameters(schemas: z.ZodObject | undefined, place: string, more: Json = {}): Json[] {
  return Object.entries(schemas?.shape ?? {}).map(([name, one]) => {
    const { description, ...schema } = parameterSchema(one)
    return { name, in: place, ...more, ...(description === undefined ? {} : { description }), schema }
  })
}

/** What it is parsed to, a number rather than its digits; or, where only our own code knows that, how it is written. */
function parameterSchema(schema: z.core.$ZodType): Json {
  const parsed = jsonSchema(schema, "output")
  return ["type", "enum", "anyOf"].some((key) => key in parsed) ? parsed : jsonSchema(schema, "input")
}

function bodySchema({ schema }: Pick<StreamedFormat<unknown>, "schema">): unknown {
  return schema instanceof z.ZodType ? reference(schema, requestSchemas) : schema
}

function answer(content: Content, { answerHeaders = {} }: Route): Json {
  const headers = mapValues(answerHeaders, (description) => ({ description, schema: { type: "string" } }))
  const more = Object.keys(headers).length === 0 ? {} : { headers }
  if (content === "nothing") return { description: "done", ...more }
  return { description: "the answer", ...more, content: contentOf(content) }
}

function contentOf(content: Exclude<Content, "nothing">): Json {
  if ("events" in content) return { "text/event-stream": { schema: eventsSchema(content) } }
  if (!("mediaType" in content)) return { "application/json": { schema: reference(content, answerSchemas) } }
  if (content.binary !== true && content.schema !== undefined)
    return { [content.mediaType]: { schema: reference(content.schema, answerSchemas) } }
  const schema = content.binary === true ? { type: "string", contentMediaType: content.mediaType } : { type: "string" }
  return { [content.mediaType]: { schema } }
}

/** OpenAPI 3.1 has no word for a stream: this is the shape of each event in it. */
function eventsSchema({ events }: EventStream): Json {
  const oneOf = Object.entries(events).map(([event, data]) => ({
    type: "object",
    properties: { id: { type: "string" }, event: { const: event }, data: reference(data, answerSchemas) },
    required: ["event", "data"],
  }))
  return { description: "each event of the stream; data is JSON in one line", oneOf }
}

function errors(route: Route): Json {
  const codes = new Set<ErrorCode>([...doorCodes(route), ...(route.errors ?? [])])
  const byStatus = Map.groupBy(codes, (code) => statusOf[code])
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.join(", "),
        content: { "application/json": { schema: reference(errorAnswer, answerSchemas) } },
        ...(status === 503 || status === 429
          ? { headers: { "retry-after": { description: "seconds", schema: { type: "integer", minimum: 1 } } } }
          : {}),
      },
    ]),
  )
}

type Names = z.core.$ZodRegistry<{ id: string }>

function reference(schema: z.ZodType, names: Names): Json {
  const id = names.get(schema)?.id
  assert(id !== undefined, "every body and every answer has a name in the document")
  return { $ref: toRef(id) }
}

const toRef = (id: string) => `#/components/schemas/${id}`

function components(names: Names, io: "input" | "output"): Json {
  const { schemas } = z.toJSONSchema(names, { uri: toRef, io, override: drop })
  return mapValues(schemas, withoutOwnAddress)
}

function jsonSchema(schema: z.core.$ZodType, io: "input" | "output"): Json {
  return withoutOwnAddress(z.toJSONSchema(schema, { io, override: drop, unrepresentable: "any" }))
}

/** A component's address is its place in the document, and its dialect the document's. */
function withoutOwnAddress(schema: object): Json {
  const { $schema: _dialect, $id: _address, id: _name, ...rest } = schema as Json
  return rest
}

/** What says nothing to a caller: that our own types are read-only, and how far JavaScript can count. */
function drop({ jsonSchema }: { jsonSchema: { readOnly?: boolean; minimum?: number; maximum?: number } }) {
  delete jsonSchema.readOnly
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

function mapValues<From>(record: Readonly<Record<string, From>>, to: (value: From) => unknown): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(value)]))
}
