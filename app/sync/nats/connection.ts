import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node"
import { nextDelayMs } from "../../base/backoff.ts"
import { shuffled } from "../../base/random.ts"
import type { Result } from "../../base/result.ts"
import { refusesCertificate } from "./certificate-probe.ts"
import { inboxPrefix } from "./layout.ts"
import { certificateRefused, type NatsPackages, whyDisconnected } from "./refusals.ts"

export interface HubAddress {
  /** `host:port` of each server of the hub; any of them will do. */
  readonly servers: readonly string[]
  /** The name that the site gave this box: 8 hexadecimal digits. */
  readonly box: string
  /** Text that begins with `SU`: proves to the hub who this box is. Without it, the hub lets in whoever comes. */
  readonly nkeySeed?: string
  /** PEM. Without it, lines are in the clear. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

export interface Line {
  readonly connection: NatsConnection
  /** Calls made while there is no line only wait out their time; who asks first knows at once. */
  isUp(): boolean
  /** How often there was a line: what was opened over an earlier one is gone. */
  generation(): number
  /** Why there is none, in words for a person. */
  why(): string
  close(): Promise<void>
}

/** A server that stopped without closing its lines is noticed after the second ping that goes unanswered. */
const pingMs = 1000
const pingsUnanswered = 2
const dialMs = 3000
/** From one try at a server to the next at the same; the next server is tried at once. */
const backoff = { firstMs: 250, maxMs: 5000 }

/** Connects to one of the servers. From then on the line comes back by itself, at whichever server is there. */
export async function connectLine({ transport }: NatsPackages, address: HubAddress): Promise<Result<Line>> {
  // Counted by tries at a server: the client asks for the pause more often than it makes one.
  const tries = { failed: 0 }
  const options: ConnectionOptions = {
    // Each box at another: shuffled here, for the client would do it once more below.
    servers: shuffled(address.servers, Math.random),
    noRandomize: true,
    name: `gatehouse ${address.box}`,
    inboxPrefix: inboxPrefix(address.box),
    timeout: dialMs,
    pingInterval: pingMs,
    maxPingOut: pingsUnanswered - 1,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => nextDelayMs(Math.max(1, tries.failed), backoff),
    // A box that was revoked by mistake comes back by itself when it is let in again.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    tls: address.tls === undefined ? null : { ...address.tls },
    ...(address.nkeySeed === undefined
      ? {}
      : { authenticator: transport.nkeyAuthenticator(new TextEncoder().encode(address.nkeySeed)) }),
  }
  try {
    const connection = await transport.connect(options)
    // Those that did not answer the first time were struck off. The one it is at comes last: tried first when the line breaks, it
    // would keep the box waiting while it is halted.
    connection.setServers([...othersFirst(address.servers, connection.getServer())])
    return { kind: "ok", value: lineOf(transport.errors, connection, tries) }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { kind: "failed", why: `${address.servers.join(", ")}: ${await whyRefused(transport.errors, error, address)}` }
  }
}

/**
 * In the order in which they are dialled when the line breaks: a server that hangs still takes a connection, and then nothing comes
 * for the time of a try.
 */
export function othersFirst(servers: readonly string[], present: string): readonly string[] {
  const after = servers.indexOf(present) + 1
  return [...servers.slice(after), ...servers.slice(0, after)]
}

async function whyRefused(errors: NatsPackages["transport"]["errors"], error: Error, { servers, tls }: HubAddress) {
  if (!(error instanceof errors.TimeoutError) || tls === undefined) return whyDisconnected(errors, error)
  for (const server of servers) if (await refusesCertificate(server, tls)) return certificateRefused
  return whyDisconnected(errors, error)
}

function lineOf(errors: NatsPackages["transport"]["errors"], connection: NatsConnection, tries: { failed: number }): Line {
  let isUp = true
  let generation = 1
  let why = "the line to the hub broke; trying again"

  async function watch(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "staleConnection") isUp = false
      else if (status.type === "reconnect") {
        isUp = true
        generation++
        tries.failed = 0
      } else if (status.type === "reconnecting") tries.failed++
      else if (status.type === "error" && !(status.error instanceof errors.PermissionViolationError))
        why = whyDisconnected(errors, status.error)
    }
    isUp = false
    why = "the line to the hub was closed"
  }
  const watching = watch()

  return {
    connection,
    isUp: () => isUp && !connection.isClosed(),
    generation: () => generation,
    why: () => why,
    async close() {
      await connection.close()
      await watching
    },
  }
}
