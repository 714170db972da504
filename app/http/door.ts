import { z } from "zod"
import { unreachable } from "../base/assert.ts"
import { nowTickMs } from "../base/ticks.ts"
import { refuse, type Visitor } from "./access.ts"
import { type BodyFormat, mediaTypeOf } from "./body.ts"
import { type Intake, readBody } from "./intake.ts"
import type { HttpNeeds } from "./needs.ts"
import { explain, type Problem, problem } from "./problem.ts"
import { deadlineMs } from "./requests.ts"
import type { AnyReply, Call, Route } from "./route.ts"

/** A request as it stands before its route's door. */
export interface Arrival {
  readonly request: Request
  readonly visitor: Visitor
  readonly requestId: string
  readonly id: string | undefined
  readonly query: Readonly<Record<string, readonly string[]>>
  readonly arrivedTickMs: number
  /** Told once the body has been read. */
  readonly countBytes: (bytes: number) => void
}

export interface Door {
  readonly keys: HttpNeeds["keys"]
  readonly intake: Intake
  /** For callers without `x-deadline-ms`. */
  readonly budgetMs: number
}

const noQuery = z.strictObject({})
const uuid = z.guid()

/** Key, path, query, deadline, body, in this order: whoever may not ask learns nothing, and no body is read in vain. */
export async function pass(arrival: Arrival, route: Route, door: Door): Promise<AnyReply | Problem> {
  const refusal = refuse(route.access, arrival.visitor, door.keys.verify)
  if (refusal !== undefined) return refusal

  const path = readPath(route, arrival.id)
  if (path.kind === "problem") return path
  const query = readQuery(route.query ?? noQuery, arrival.query)
  if (query.kind === "problem") return query
  const budget = readBudget(arrival.request.headers.get("x-deadline-ms"), door.budgetMs)
  if (budget.kind === "problem") return budget

  const call = { requestId: arrival.requestId, path: path.value, query: query.value }
  const leftMs = () => budget.value - (nowTickMs() - arrival.arrivedTickMs)
  if (route.body === undefined) return route.handle({ ...call, body: undefined, budgetMs: leftMs() })
  return withBody(arrival, route.body, door.intake, leftMs, (body) => route.handle({ ...call, body, budgetMs: leftMs() }))
}

type Read<Value> = { readonly kind: "ok"; readonly value: Value } | Problem

function readPath(route: Route, id: string | undefined): Read<Call<string, unknown, unknown>["path"]> {
  if (!route.path.includes("{id}")) return { kind: "ok", value: {} }
  const parsed = uuid.safeParse(id)
  if (!parsed.success) return problem("not_found", "the id in the path is no UUID, so nothing here has it")
  return { kind: "ok", value: { id: parsed.data.toLowerCase() } }
}

function readQuery(schema: z.ZodObject, query: Arrival["query"]): Read<unknown> {
  const twice = Object.entries(query).find(([, values]) => values.length > 1)
  if (twice !== undefined) return problem("bad_request", `the query says ${twice[0]} ${twice[1].length} times; say it once`)
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(query).map(([name, [value]]) => [name, value])))
  return parsed.success ? { kind: "ok", value: parsed.data } : problem("bad_request", `the query: ${explain(parsed.error)}`)
}

function readBudget(header: string | null, fallbackMs: number): Read<number> {
  if (header === null) return { kind: "ok", value: fallbackMs }
  const parsed = deadlineMs.safeParse(header)
  if (parsed.success) return { kind: "ok", value: parsed.data }
  return problem("bad_request", `x-deadline-ms is a whole number of milliseconds, 100 to 60000: ${explain(parsed.error)}`)
}

async function withBody(
  { request, countBytes }: Arrival,
  formats: NonNullable<Route["body"]>,
  intake: Intake,
  leftMs: () => number,
  handle: (body: unknown) => Promise<AnyReply | Problem> | AnyReply | Problem,
): Promise<AnyReply | Problem> {
  const contentType = request.headers.get("content-type")
  const mediaType = mediaTypeOf(contentType)
  // Own ones only: a caller may name `constructor`.
  const format = Object.hasOwn(formats, mediaType) ? formats[mediaType] : undefined
  if (format === undefined || contentType === null) return unsupported(contentType, Object.keys(formats))
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding !== "identity")
    return problem("unsupported_media_type", "a body with a content-encoding is not taken: send it uncompressed")

  const declared = Number(request.headers.get("content-length") ?? Number.NaN)
  if (declared > format.bytesMax) return tooLarge(format)
  const release = intake.reserve(Number.isNaN(declared) ? format.bytesMax : declared)
  if (release === undefined)
    return problem("overloaded", "too many large bodies are on their way in at once; try again shortly", { retryAfterS: 1 })
  try {
    const read = await readBody(request, format.bytesMax, leftMs())
    switch (read.kind) {
      case "ok": {
        countBytes(read.bytes.length)
        const parsed = await format.parse(read.bytes, contentType)
        return parsed.kind === "ok" ? await handle(parsed.value) : parsed
      }
      case "too_large":
        return tooLarge(format)
      case "too_slow":
        return problem("deadline_exceeded", "the body was not there before the deadline; x-deadline-ms allows up to 60000", {
          retryAfterS: 1,
        })
      case "cut":
        return problem("bad_request", "the connection ended before the body did")
      default:
        return unreachable(read)
    }
  } finally {
    release()
  }
}

function tooLarge({ tooLarge: code, bytesMax }: BodyFormat<unknown>): Problem {
  const remedy = code === "image_too_large" ? "; send the picture smaller or more compressed" : ""
  return problem(code, `the body is larger than the ${bytesMax} bytes taken here${remedy}`)
}

function unsupported(contentType: string | null, known: readonly string[]): Problem {
  const said = contentType === null ? "there is no content-type" : "the content-type is not one of those taken here"
  return problem("unsupported_media_type", `${said}: send ${known.join(", ")} (curl --data-binary needs -H "content-type: …")`)
}
