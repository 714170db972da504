import { z } from "zod"
import type { Creates, MadeBefore } from "../access/creates.ts"
import { assert } from "../base/assert.ts"
import { fingerprint } from "./fingerprint.ts"
import { type ErrorCode, type Problem, problem } from "./problem.ts"
import type { Answers, AnyReply, Awaitable, Call, Nothing, Reply, Route, RouteDefinition } from "./route.ts"

const replayedHeader = "idempotent-replayed"

const keyHeaders = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[!-~]{1,255}$/, "1 to 255 visible ASCII characters, such as a UUID")
    .optional()
    .describe("a request repeated with the same key within 24 hours makes nothing new: it gets what the first one made"),
})

/**
 * To be called with the id in the transaction that makes the new entity, as `Also` of the gallery is; `note` is what the answer
 * says beside the entity and could not be told again. Writes nothing for a caller without `Idempotency-Key`.
 */
export type Created = (entityId: string, note?: unknown) => void

interface Shape<
  Path extends string,
  Query extends z.ZodObject,
  Body,
  Given extends Answers,
  Code extends ErrorCode,
  Headers extends z.ZodObject,
> extends Omit<RouteDefinition<Path, Query, Body, Given, Code, Headers, Nothing>, "handle"> {
  readonly handle: (
    call: Call<Path, z.output<Query>, Body, z.output<Headers>, unknown>,
    created: Created,
  ) => Awaitable<Reply<Given> | Problem<Code>>
  /** What of a body makes a request the same as an earlier one; all of it when not said. One that streams has not been read. */
  readonly identity?: (body: Body) => unknown
  /** The answer to a repeated request, from what the first one made as it is now. `goneSince` when it is there no more. */
  readonly replay: (
    made: Pick<MadeBefore, "entityId" | "note">,
    call: Call<Path, z.output<Query>, Body, z.output<Headers>, unknown>,
  ) => Awaitable<Reply<Given> | Problem<Code | "conflict">>
}

/**
 * A route that creates something, and makes it once for each `Idempotency-Key`, whatever is killed in between: handler and
 * `created` are all a new route has to add.
 */
export function createRoute<
  Path extends string,
  const Given extends Answers,
  Query extends z.ZodObject = Nothing,
  Body = undefined,
  const Code extends ErrorCode = never,
  Headers extends z.ZodObject = Nothing,
>(
  creates: Creates,
  { handle, replay, identity = (body) => body, ...definition }: Shape<Path, Query, Body, Given, Code, Headers>,
): Route {
  type OneCall = Call<Path, z.output<Query>, Body, z.output<Headers>, unknown>

  async function once(call: Call<string, unknown, unknown>): Promise<AnyReply | Problem> {
    // The door has parsed it by the very schemas of this definition.
    const own = call as unknown as OneCall
    const { "idempotency-key": key } = call.headers as z.output<typeof keyHeaders>
    if (key === undefined) return handle(own, () => undefined)

    using claim = creates.claim(key)
    if (claim === undefined)
      return problem("conflict", "a request with this Idempotency-Key is still being worked on; ask again shortly", {
        retryAfterS: 1,
      })
    const requestHash = fingerprint([key, definition.method, definition.path, call.path, call.query, identity(own.body)])
    const before = creates.find(key)
    if (before !== undefined) return again(before, requestHash, own)

    let recorded = false
    const answer = await handle(own, (entityId, note) => {
      creates.record(key, { requestHash, entityId, note })
      recorded = true
    })
    assert(recorded || answer.kind === "problem", `${definition.path} records what it creates`)
    return answer
  }

  async function again(before: MadeBefore, requestHash: Uint8Array, call: OneCall): Promise<AnyReply | Problem> {
    if (!Buffer.from(before.requestHash).equals(requestHash))
      return problem("idempotency_conflict", "this Idempotency-Key was given with another request; make a new key for this one")
    const answer: AnyReply | Problem = await replay(before, call)
    return answer.kind === "problem" ? answer : { ...answer, headers: { ...answer.headers, [replayedHeader]: "true" } }
  }

  const plain = {
    ...definition,
    handle: once,
    headers: z.object({ ...definition.headers?.shape, ...keyHeaders.shape }),
    answerHeaders: {
      ...definition.answerHeaders,
      [replayedHeader]: "true: an earlier request with this Idempotency-Key made it, and nothing new was made",
    },
    errors: [...(definition.errors ?? []), "conflict", "idempotency_conflict"] as const,
  }
  return plain as unknown as Route
}

/** What a repeated request is told when its entity was deleted meanwhile: making another would not be what it asked for. */
export function goneSince(what: string): Problem<"conflict"> {
  return problem("conflict", `what this Idempotency-Key made, ${what}, was deleted since; make a new key to create another`)
}
