import { z } from "zod"
import { unreachable } from "../base/assert.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { RequestSpan } from "../base/trace.ts"
import { admit, type Visitor } from "./access.ts"
import { type BodyFormat, mediaTypeOf } from "./body.ts"
import { type Intake, readBody, uploadOf } from "./intake.ts"
import type { HttpNeeds } from "./needs.ts"
import { explain, type Problem, problem } from "./problem.ts"
import type { RateLimit } from "./rate.ts"
import { timedHeaders } from "./requests.ts"
import type { AnyReply, Call, Route } from "./route.ts"

/** A request as it stands before its route's door. */
export interface Arrival {
  readonly request: Request
  readonly visitor: Visitor
  readonly requestId: string
  /** What stands in the path where the pattern has braces. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, readonly string[]>>
  readonly arrivedTickMs: number
  readonly trace: RequestSpan
  /** Aborted when the caller left. */
  readonly signal: AbortSignal
  /** Told once the body has been read, or of each piece of it. */
  readonly countBytes: (bytes: number) => void
}

export interface Door {
  readonly keys: HttpNeeds["keys"]
  readonly rate: RateLimit
  readonly intake: Intake
  /** For callers without `x-deadline-ms`, from when the body has been read. */
  readonly budgetMs: number
  /** How long a body may take to come, whoever sends it. */
  readonly bodyReadMs: number
  readonly metrics: Pick<Metrics, "refusedTotal">
}

const nothing = z.strictObject({})
const uuid = z.guid()

/** Key, rate, path, query, headers, deadline, body, in this order: whoever may not ask learns nothing, and no body is read in vain. */
export async function pass(arrival: Arrival, route: Route, door: Door): Promise<AnyReply | Problem> {
  const admittance = admit(route.access, arrival.visitor, door.keys.verify)
  if (admittance.kind !== "anybody") {
    const tooOften = door.rate.take(admittance.client)
    if (tooOften !== undefined) {
      door.metrics.refusedTotal.inc({ reason: "rate_limited" })
      return tooOften
    }
    if (admittance.kind === "refused") return admittance.why
  }

  const path = readPath(route, arrival.parameters)
  if (path.kind === "problem") return path
  const query = readQuery(route.query ?? nothing, arrival.query)
  if (query.kind === "problem") return query
  const headers = readHeaders(route.headers ?? nothing, arrival.request.headers)
  if (headers.kind === "problem") return headers
  const timed = route.timed === true ? readTimed(arrival.request.headers) : ({ kind: "ok", value: {} } as const)
  if (timed.kind === "problem") return timed

  const told = timed.value as z.output<typeof timedHeaders>
  const deadlineMs = told["x-deadline-ms"]
  const call = {
    requestId: arrival.requestId,
    path: path.value,
    query: query.value,
    headers: headers.value,
    priority: told["x-priority"] ?? "interactive",
    signal: arrival.signal,
    trace: arrival.trace,
    caller: admittance.kind === "known" ? admittance.caller : "anybody",
  } as const
  // A caller who names a deadline counts from when it began to ask; for all others a slow uplink is not the engines' queue.
  const leftMs = () => (deadlineMs === undefined ? door.budgetMs : deadlineMs - (nowTickMs() - arrival.arrivedTickMs))
  const handle = (body: unknown) => route.handle({ ...call, body, budgetMs: leftMs() })
  if (route.body === undefined) return handle(undefined)
  const bodyMs = deadlineMs === undefined ? door.bodyReadMs : Math.min(leftMs(), door.bodyReadMs)
  return withBody(arrival, route.body, door, bodyMs, handle)
}

type Read<Value> = { readonly kind: "ok"; readonly value: Value } | Problem

type AnyPath = Call<string, unknown, unknown>["path"]

function readPath(route: Route, { id, ...others }: Arrival["parameters"]): Read<AnyPath> {
  const parsed = parseOrNothing(route.parameters ?? nothing, others)
  if (!parsed.success) return problem("bad_request", `the path: ${explain(parsed.error)}`)
  if (id === undefined) return { kind: "ok", value: parsed.data as AnyPath }
  const parsedId = uuid.safeParse(id)
  if (!parsedId.success) return problem("not_found", "the id in the path is no UUID, so nothing here has it")
  return { kind: "ok", value: { ...parsed.data, id: parsedId.data.toLowerCase() } as AnyPath }
}

type Parsed = z.ZodSafeParseResult<Record<string, unknown>>

const ofNothing = new WeakMap<z.ZodObject, Parsed>()

/** Most requests say nothing in their path, query or headers, and then a schema's answer is always the same. */
function parseOrNothing(schema: z.ZodObject, fields: Readonly<Record<string, unknown>>): Parsed {
  if (Object.keys(fields).length > 0) return schema.safeParse(fields)
  const known = ofNothing.get(schema)
  if (known !== undefined) return known
  const parsed = schema.safeParse({})
  ofNothing.set(schema, parsed)
  return parsed
}

/** Only what the schema names is looked at: every client sends headers of its own. */
function readHeaders(schema: z.ZodObject, headers: Headers): Read<unknown> {
  const told: Record<string, string> = {}
  for (const name in schema.shape) {
    const value = headers.get(name)
    if (value !== null) told[name] = value
  }
  const parsed = parseOrNothing(schema, told)
  return parsed.success ? { kind: "ok", value: parsed.data } : problem("bad_request", `the headers: ${explain(parsed.error)}`)
}

/** What a caller said of its hurry last, and how it was read: most say the same each time, and to read it anew takes 50 µs. */
let lastHurry: { readonly said: string; readonly read: Read<unknown> } | undefined

function readTimed(headers: Headers): Read<unknown> {
  const said = `${headers.get("x-deadline-ms")} ${headers.get("x-priority")}`
  if (lastHurry?.said !== said) lastHurry = { said, read: readHeaders(timedHeaders, headers) }
  return lastHurry.read
}

function readQuery(schema: z.ZodObject, query: Arrival["query"]): Read<unknown> {
  const twice = Object.entries(query).find(([, values]) => values.length > 1)
  if (twice !== undefined) return problem("bad_request", `the query says ${twice[0]} ${twice[1].length} times; say it once`)
  const parsed = parseOrNothing(schema, Object.fromEntries(Object.entries(query).map(([name, [value]]) => [name, value])))
  return parsed.success ? { kind: "ok", value: parsed.data } : problem("bad_request", `the query: ${explain(parsed.error)}`)
}

async function withBody(
  { request, trace, countBytes }: Arrival,
  formats: NonNullable<Route["body"]>,
  { intake, metrics }: Door,
  bodyMs: number,
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

  // Not counted as on its way in: it is never held whole, and whoever takes it bounds how many there are.
  if ("stream" in format) return handle(format.stream(uploadOf(request, bodyMs, countBytes)))
  const declared = Number(request.headers.get("content-length") ?? Number.NaN)
  if (declared > format.bytesMax) return tooLarge(format)
  const release = intake.reserve(Number.isNaN(declared) ? format.bytesMax : declared)
  if (release === undefined) {
    metrics.refusedTotal.inc({ reason: "bodies" })
    return problem("overloaded", "too many large bodies are on their way in at once; try again shortly", { retryAfterS: 1 })
  }
  try {
    const reading = trace.begin("body")
    const read = await readBody(request, format.bytesMax, bodyMs)
    reading.end({ figures: { "gatehouse.outcome": read.kind } })
    switch (read.kind) {
      case "ok": {
        countBytes(read.bytes.length)
        const parsed = await format.parse(read.bytes, contentType)
        return parsed.kind === "ok" ? await handle(parsed.value) : parsed
      }
      case "too_large":
        return tooLarge(format)
      case "too_slow":
        return problem(
          "deadline_exceeded",
          `the body was not there after ${Math.max(0, Math.round(bodyMs))} ms; send it faster, or smaller`,
          {
            retryAfterS: 1,
          },
        )
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
