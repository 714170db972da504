import type { z } from "zod"
import type { BodyFormats } from "./body.ts"
import type { ErrorCode, Problem } from "./problem.ts"

export type Access =
  | "open"
  | "key"
  /** Open to this very machine, so that a local scraper needs no secret; everybody else shows a key. */
  | "key_unless_local"

/** What a status carries: JSON by its schema, text of a media type, or nothing. */
export type Content = z.ZodType | { readonly mediaType: string } | "nothing"

type Answers = Readonly<Record<number, Content>>

/** What is known of a request once its door has been passed: everything parsed, nothing raw. */
export interface Call<Path extends string, Query, Body> {
  readonly requestId: string
  readonly path: Path extends `${string}{id}${string}` ? { readonly id: string } : Record<never, never>
  readonly query: Query
  readonly body: Body
  /** Milliseconds left until the caller gives up. */
  readonly budgetMs: number
}

export type Reply<Given extends Answers> = {
  [Status in keyof Given & number]: Given[Status] extends z.ZodType
    ? { readonly kind: "reply"; readonly status: Status; readonly body: z.input<Given[Status]> }
    : Given[Status] extends "nothing"
      ? { readonly kind: "reply"; readonly status: Status }
      : { readonly kind: "reply"; readonly status: Status; readonly body: string }
}[keyof Given & number]

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
> {
  readonly method: "get" | "post" | "patch" | "delete"
  /** As OpenAPI writes it: `/v1/subjects/{id}`. `{id}` is a UUID; anything else there is not found. */
  readonly path: Path
  readonly access: Access
  readonly summary: string
  /** Without one, no query parameter is known. An unknown one is refused: a misspelt option must not pass for its default. */
  readonly query?: Query
  /** Asks the engines: `x-deadline-ms` counts. */
  readonly timed?: boolean
  readonly body?: BodyFormats<Body>
  readonly answers: Given
  /** What the handler itself may answer; what every route may answer at its door is added by `doorCodes`. */
  readonly errors?: readonly Code[]
  readonly handle: (call: Call<Path, z.output<Query>, Body>) => Awaitable<Reply<Given> | Problem<Code>>
}

type Awaitable<Value> = Value | Promise<Value>

/** A route whose types have done their work. */
export interface Route extends Omit<RouteDefinition<string, z.ZodObject, unknown, Answers, ErrorCode>, "handle"> {
  readonly handle: (call: Call<string, unknown, unknown>) => Awaitable<AnyReply | Problem>
}

export interface AnyReply {
  readonly kind: "reply"
  readonly status: number
  readonly body?: unknown
}

export function route<
  Path extends string,
  const Given extends Answers,
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Body = undefined,
  const Code extends ErrorCode = never,
>(definition: RouteDefinition<Path, Query, Body, Given, Code>): Route {
  // The door parses with the definition's own schemas, so the handler gets what its type says.
  return definition as unknown as Route
}

export function reply<Status extends number>(status: Status): { kind: "reply"; status: Status }
export function reply<Status extends number, const Body>(
  status: Status,
  body: Body,
): { kind: "reply"; status: Status; body: Body }
export function reply(status: number, body?: unknown): AnyReply {
  return body === undefined ? { kind: "reply", status } : { kind: "reply", status, body }
}

/** What a route may answer before its handler is asked. */
export function doorCodes(route: Route): ErrorCode[] {
  return [
    "bad_request",
    ...(route.access === "open" ? [] : (["unauthorized"] as const)),
    ...(route.path.includes("{id}") ? (["not_found"] as const) : []),
    ...(route.body === undefined
      ? []
      : ([
          ...new Set(Object.values(route.body).map(({ tooLarge }) => tooLarge)),
          "unsupported_media_type",
          "overloaded",
          "deadline_exceeded",
        ] as const)),
    "internal",
  ]
}
