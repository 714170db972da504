import { type Problem, problem } from "./problem.ts"
import type { Access } from "./route.ts"

export interface Visitor {
  readonly headers: Headers
  /** Address of the other end; absent when it is not known. Asked only where it counts: it takes a call into the kernel. */
  readonly connection: { readonly address?: string | undefined; readonly isSecure?: boolean | undefined }
}

/** Who is at the door, and whether they may pass. `client` is whose rate this counts against. */
export type Admittance =
  /** Nobody asks who it is, nor how often. */
  | { readonly kind: "anybody" }
  /** `caller` is who it is, for the record. */
  | { readonly kind: "known"; readonly client: string; readonly caller: string }
  | {
      readonly kind: "refused"
      readonly client: string
      readonly why: Problem<"unauthorized" | "forbidden">
    }

export function admit(
  access: Access,
  visitor: Visitor,
  verify: (key: string) => { readonly role: string } | undefined,
): Admittance {
  if (access === "secure") return overTls(visitor)
  if (access === "open" || (access === "key_unless_local" && isLocal(visitor))) return { kind: "anybody" }
  const key = keyOf(visitor.headers)
  if (key === undefined)
    return stranger(visitor, "this needs a key: send it as `Authorization: Bearer <key>` or as `x-api-key: <key>`")
  const known = verify(key)
  if (known === undefined)
    return stranger(visitor, "the key is not known here; `gatehouse admin reset-key` on the box makes a new admin key")
  const client = `key ${Bun.hash(key)}` // No copy of a key is kept.
  if (access === "key_and_local" && !isLocal(visitor)) {
    const why = problem("forbidden", "this is answered on the box itself alone, not over a network or through a proxy")
    return { kind: "refused", client, why }
  }
  return { kind: "known", client, caller: known.role }
}

/** Counted by address: whoever tries keys has none that could be counted. */
function stranger(visitor: Visitor, message: string): Admittance {
  return { kind: "refused", client: addressOf(visitor), why: unauthorized(message) }
}

/** Also on this very machine: what is asked and shown there must not be read on the way, and nobody need learn two addresses. */
function overTls(visitor: Visitor): Admittance {
  const client = addressOf(visitor)
  if (visitor.connection.isSecure === true) return { kind: "known", client, caller: "anybody" }
  const why = problem("forbidden", "this is answered over HTTPS alone: ask again by https://, on the port of http.tls")
  return { kind: "refused", client, why }
}

function addressOf({ connection: { address = "unknown" } }: Visitor): string {
  return `address ${address}`
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

export function isLocal({ headers, connection }: Visitor): boolean {
  const { address } = connection
  return address !== undefined && loopback.test(address) && !proxyHeaders.some((name) => headers.has(name))
}
