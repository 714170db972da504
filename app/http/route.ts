import type { z } from "zod"
import type { RequestSpan } from "../base/trace.ts"
import type { Priority } from "../inference/work.ts"
import type { BodyFormats, StreamedFormats } from "./body.ts"
import type { EventOf, EventStream } from "./event-stream.ts"
import type { ErrorCode, Problem } from "./problem.ts"

export type Access =
  | "open"
  | "key"
  /** Open to this very machine, so that a local scraper needs no secret; everybody else shows a key. */
  | "key_unless_local"
  /** With a key, and from this very machine alone. */
  | "key_and_local"
  /** Without a key and over HTTPS alone, whoever it is; counted by address. */
  | "secure"

/** What a status carries: JSON by its schema, text or bytes of a media type, a stream of events, or nothing. */
export type Content = z.ZodType | TextContent | BytesContent | StreamedContent | EventStream | "nothing"

interface TextContent {
  readonly mediaType: string
  readonly binary?: false
  /** Of JSON that is kept as text, because it never changes. */
  readonly schema?: z.ZodType
}

interface BytesContent {
  readonly mediaType: string
  readonly binary: true
  readonly streamed?: false
}

/** Bytes that are made while they are sent: asked for as the connection takes them, and never held whole. */
export interface StreamedContent {
  readonly mediaType: string
  readonly binary: true
  readonly streamed: true
}

export type Answers = Readonly<Record<number, Content>>

/** What is known of a request once its door has been passed: everything parsed, nothing raw. */
export interface Call<Path extends string, Query, Body, Headers = unknown, Parameters = unknown> {
  readonly requestId: string
  readonly path: (Path extends `${string}{id}${string}` ? { readonly id: string } : Record<never, never>) & Parameters
  readonly query: Query
  readonly headers: Headers
  readonly body: Body
  /** Milliseconds left until the caller gives up. */
  readonly budgetMs: number
  /** Who goes first when pictures wait; `x-priority` says so on a timed route. */
  readonly priority: Priority
  /** Aborted when the caller left: nobody will read the answer. */
  readonly signal: AbortSignal
  /** What is done for this request is told to it. */
  readonly trace: RequestSpan
  /** Whose key was shown, for the record. */
  readonly caller: string
}

/** Names in lower case; only those that the route declares in `answerHeaders`. */
export type AnswerHeaders = Readonly<Record<string, string>>

export type Reply<Given extends Answers> = {
  [Status in keyof Given & number]: {
    readonly kind: "reply"
    readonly status: Status
    readonly headers?: AnswerHeaders
  } & BodyOf<Given[Status]>
}[keyof Given & number]

type BodyOf<Given> = Given extends "nothing"
  ? { readonly body?: undefined }
  : Given extends z.ZodType
    ? { readonly body: z.input<Given> }
    : Given extends EventStream
      ? { readonly body: AsyncIterable<EventOf<Given>> }
      : Given extends StreamedContent
        ? { readonly body: ReadableStream<Uint8Array> }
        : Given extends BytesContent
          ? { readonly body: Uint8Array }
          : { readonly body: string }

/**
 * One route, told once: the app is mounted from it, requests are parsed by it, and the OpenAPI document is printed from it.
 * The handler's type holds it to the answers and error codes it declares.
 */
export interface RouteDefinition<
  Path extends string,
  Query extends z.ZodObject,
  Body,
  Given extends Answers,
  Code extends ErrorCode,
  Headers extends z.ZodObject,
  Parameters extends z.ZodObject,
> {
  readonly method: "get" | "post" | "put" | "patch" | "delete"
  /** As OpenAPI writes it: `/v1/subjects/{id}`. `{id}` is a UUID; anything else there is not found. */
  readonly path: Path
  /** The other names in braces of `path`, one key each. What does not fit is a bad request, and the schema says why. */
  readonly parameters?: Parameters
  readonly access: Access
  readonly summary: string
  /** A part of a page and no interface of its own: the OpenAPI document leaves it out. */
  readonly undescribed?: boolean
  /** Under which heading the document lists it; `allRoutes` says so. */
  readonly tag?: string
  /** Without one, no query parameter is known. An unknown one is refused: a misspelt option must not pass for its default. */
  readonly query?: Query
  /** The request headers this route reads, in lower case, every one optional. Others are nobody's business here. */
  readonly headers?: Headers
  /** Asks the engines: `x-deadline-ms` and `x-priority` count. */
  readonly timed?: boolean
  /** Says who somebody is. A box that may not at the moment answers 503; see `SyncPort.whyBlind`. */
  readonly recognizes?: boolean
  readonly body?: BodyFormats<Body> | StreamedFormats<Body>
  readonly answers: Given
  /** Headers that an answer, or a problem of the handler, may carry beside those that all have: lower-case name → what it says. */
  readonly answerHeaders?: Readonly<Record<string, string>>
  /** What the handler itself may answer; what every route may answer at its door is added by `doorCodes`. */
  readonly errors?: readonly Code[]
  readonly handle: (
    call: Call<Path, z.output<Query>, Body, z.output<Headers>, z.output<Parameters>>,
  ) => Awaitable<Reply<Given> | Problem<Code>>
}

export type Awaitable<Value> = Value | Promise<Value>

/** A route whose types have done their work. */
export interface Route
  extends Omit<RouteDefinition<string, z.ZodObject, unknown, Answers, ErrorCode, z.ZodObject, z.ZodObject>, "handle"> {
  readonly handle: (call: Call<string, unknown, unknown>) => Awaitable<AnyReply | Problem>
}

export interface AnyReply {
  readonly kind: "reply"
  readonly status: number
  readonly body?: unknown
  readonly headers?: AnswerHeaders
}

export type Nothing = z.ZodObject<Record<never, never>>

export function route<
  Path extends string,
  const Given extends Answers,
  Query extends z.ZodObject = Nothing,
  Body = undefined,
  const Code extends ErrorCode = never,
  Headers extends z.ZodObject = Nothing,
  Parameters extends z.ZodObject = Nothing,
>(definition: RouteDefinition<Path, Query, Body, Given, Code, Headers, Parameters>): Route {
  // The door parses with the definition's own schemas, so the handler gets what its type says.
  return definition as unknown as Route
}

export function reply<Status extends number>(
  status: Status,
  body?: undefined,
  headers?: AnswerHeaders,
): { kind: "reply"; status: Status; headers?: AnswerHeaders }
export function reply<Status extends number, const Body>(
  status: Status,
  body: Body,
  headers?: AnswerHeaders,
): { kind: "reply"; status: Status; body: Body; headers?: AnswerHeaders }
export function reply(status: number, body?: unknown, headers?: AnswerHeaders): AnyReply {
  return { kind: "reply", status, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }
}

/** Routes in the order in which a path is tried: `/v1/sightings/stream` before `/v1/sightings/{id}`. */
export function literalFirst(routes: readonly Route[]): Route[] {
  const shape = ({ path }: Route) => path.replaceAll(/\{\w+\}/g, "\u{10ffff}")
  return routes.toSorted((a, b) => (shape(a) < shape(b) ? -1 : shape(a) > shape(b) ? 1 : 0))
}

/** What a route may answer before its handler is asked. */
export function doorCodes(route: Route): ErrorCode[] {
  return [
    "bad_request",
    ...(route.access === "open" ? [] : (["rate_limited"] as const)),
    ...(route.access === "open" || route.access === "secure" ? [] : (["unauthorized"] as const)),
    ...(route.access === "key_and_local" || route.access === "secure" ? (["forbidden"] as const) : []),
    ...(route.path.includes("{id}") ? (["not_found"] as const) : []),
    ...(route.body === undefined
      ? []
      : ([
          ...new Set(Object.values(route.body).map((format) => ("tooLarge" in format ? format.tooLarge : "body_too_large"))),
          "unsupported_media_type",
          "overloaded",
          "deadline_exceeded",
        ] as const)),
    // Whatever is answered from the disk, and the key is looked up there.
    ...(route.access === "open" ? [] : (["unavailable"] as const)),
    "internal",
  ]
}
