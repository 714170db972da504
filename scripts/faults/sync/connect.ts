import { connect, type NatsConnection, nkeyAuthenticator } from "@nats-io/transport-node"
import type { HubAccess } from "../../../app/sync/nats/setup/access.ts"

/** A line to the hub without anything of gatehouse on it, with an access as the hub knows it. */
export async function connectAs(access: HubAccess): Promise<NatsConnection & AsyncDisposable> {
  const connection = await connect({
    servers: [...access.servers],
    authenticator: nkeyAuthenticator(new TextEncoder().encode(access.nkeySeed)),
    tls: access.tls,
    inboxPrefix: `_INBOX_${access.box}`,
    timeout: 2000,
  })
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
}
