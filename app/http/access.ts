import { type Problem, problem } from "./problem.ts"
import type { Access } from "./route.ts"

export interface Visitor {
  readonly headers: Headers
  /** Address of the other end of the connection; absent when it is not known. */
  readonly address: string | undefined
}

/** `undefined` when the visitor may pass. */
export function refuse(
  access: Access,
  visitor: Visitor,
  verify: (key: string) => unknown,
): Problem<"unauthorized" | "forbidden"> | undefined {
  if (access === "open" || (access === "key_unless_local" && isLocal(visitor))) return undefined
  const key = keyOf(visitor.headers)
  if (key === undefined)
    return unauthorized("this needs a key: send it as `Authorization: Bearer <key>` or as `x-api-key: <key>`")
  if (verify(key) === undefined)
    return unauthorized("the key is not known here; `gatehouse admin reset-key` on the box makes a new admin key")
  if (access === "key_and_local" && !isLocal(visitor))
    return problem("forbidden", "this is answered on the box itself alone, not over a network or through a proxy")
  return undefined
}

function unauthorized(message: string): Problem<"unauthorized"> {
  return problem("unauthorized", message, { headers: { "www-authenticate": "Bearer" } })
}

function keyOf(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1]
  const key = bearer ?? headers.get("x-api-key")?.trim()
  return key === undefined || key === "" ? undefined : key
}

const loopback = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/

/** A proxy on this machine speaks for somebody else, who may be anywhere. */
const proxyHeaders = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]

function isLocal({ headers, address }: Visitor): boolean {
  return address !== undefined && loopback.test(address) && !proxyHeaders.some((name) => headers.has(name))
}
