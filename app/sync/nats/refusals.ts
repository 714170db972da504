import type * as JetStream from "@nats-io/jetstream"
import type * as Transport from "@nats-io/transport-node"
import type { Unreachable } from "../hub.ts"

/** What the packages of NATS throw, in the words of `Hub`. */

export interface NatsPackages {
  readonly transport: typeof Transport
  readonly jetstream: typeof JetStream
}

/** They are loaded when a hub is configured and not before: a box without one starts without them. */
export async function loadNats(): Promise<NatsPackages> {
  const [transport, jetstream] = await Promise.all([import("@nats-io/transport-node"), import("@nats-io/jetstream")])
  return { transport, jetstream }
}

export type HubError =
  | { readonly kind: "conflict" }
  /** By the server's rules: it would say so again. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "missing"; readonly why: string }
  | Unreachable

/** For calls that have no other answer. */
export function asUnreachable(error: HubError): Unreachable {
  if (error.kind === "unreachable") return error
  return { kind: "unreachable", why: error.kind === "conflict" ? "the hub's answer does not fit the question" : error.why }
}

/** Of the server's answers: https://github.com/nats-io/nats-server, server/errors.json. */
const wrongLastSequence = [10071, 10164]
const messageTooLarge = [10054]
const consumerNotFound = [10014]
const streamNotFound = [10059]

/** What an error means. One that is not of the network or of the server is a bug of ours, and is thrown again. */
export function meaningOf({ transport, jetstream }: NatsPackages, error: unknown): HubError {
  const { errors } = transport
  const cause = error instanceof errors.RequestError && error.cause instanceof Error ? error.cause : error
  if (cause instanceof errors.PermissionViolationError)
    return {
      kind: "refused",
      why: `the hub does not let this box ${doing(cause.operation)} ${cause.subject}: its permissions are too narrow, or of another site`,
    }
  if (cause instanceof jetstream.JetStreamApiError) {
    if (wrongLastSequence.includes(cause.code)) return { kind: "conflict" }
    if (messageTooLarge.includes(cause.code))
      return { kind: "refused", why: `the hub takes no message as large as this: ${cause.message}` }
    if (consumerNotFound.includes(cause.code)) return { kind: "missing", why: cause.message }
    if (streamNotFound.includes(cause.code))
      return { kind: "missing", why: "the hub has no stream of this site: it was set up for another name, or was emptied" }
    return { kind: "unreachable", why: `the hub says: ${cause.message} (${cause.code})` }
  }
  if (cause instanceof jetstream.JetStreamError) return { kind: "unreachable", why: `the hub says: ${cause.message}` }
  // Thrown when nobody answers a question; the class is the package's own.
  if (cause instanceof Error && cause.name === "JetStreamNotEnabled")
    return {
      kind: "unreachable",
      why: "nobody answers at the hub: JetStream is off there, or its streams have no leader at the moment, or were never made",
    }
  if (cause instanceof Error && isOfNetwork(errors, cause)) return { kind: "unreachable", why: whyDisconnected(errors, cause) }
  throw error
}

const doing = (operation: "publish" | "subscription") => (operation === "publish" ? "write to" : "listen to")

function isOfNetwork(errors: typeof Transport.errors, error: Error): boolean {
  const kinds = [
    errors.TimeoutError,
    errors.NoRespondersError,
    errors.ClosedConnectionError,
    errors.DrainingConnectionError,
    errors.ConnectionError,
    errors.AuthorizationError,
    errors.UserAuthenticationExpiredError,
    errors.ProtocolError,
    errors.RequestError,
  ]
  // Errors of sockets have codes.
  return kinds.some((kind) => error instanceof kind) || "code" in error
}

export const certificateRefused =
  "the hub closed the line while certificates were exchanged: it refuses this box's certificate, or got none. Is it made by the hub's authority, and not expired?"

/** By the code of a socket's error: what it means when it comes from a hub, and what to do. */
const socketErrors: readonly (readonly [RegExp, string])[] = [
  // Bun has no word for a server that closes because it does not like the client's certificate (1.4.5).
  [/EBADF/, certificateRefused],
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED|self.signed/i,
    "the hub's certificate is not by the authority that this box trusts: another hub answers, or the authority's file is of another site",
  ],
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    "the hub's certificate is not valid at this time: it has expired, or a clock is wrong",
  ],
  [/ALTNAME|HOSTNAME_MISMATCH/i, "the hub's certificate is for another name than the address that this box was told"],
  [/ENOTFOUND|EAI_AGAIN/, "no address is known for the hub's name"],
  [/ECONNREFUSED|connection refused/, "nothing listens at the hub's address"],
  [/'tls' is not available|tls.*not available/i, "the hub speaks no TLS, and this box was told to use it"],
]

export function whyDisconnected(errors: typeof Transport.errors, error: Error): string {
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return `the hub does not know this box's key: it was never let in, or was revoked (${error.message})`
  const code = "code" in error ? String(error.code) : ""
  const causeCode = error.cause instanceof Error && "code" in error.cause ? String(error.cause.code) : ""
  const said = [code, causeCode, error.message].filter((part) => part !== "").join(" ")
  const known = socketErrors.find(([pattern]) => pattern.test(said))
  if (known !== undefined) return `${known[1]} (${error.message})`
  if (error instanceof errors.TimeoutError) return "the hub did not answer in time"
  return `no line to the hub: ${said}`
}
