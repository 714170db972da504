import { DeliverPolicy, jetstream } from "@nats-io/jetstream"
import { streamName } from "../../../app/sync/nats/layout.ts"
import type { HubAccess } from "../../../app/sync/nats/setup/access.ts"
import { connectAs } from "./connect.ts"

/** Somebody who hears from the hub of each record once the hub has stored it. */
export interface Watcher extends AsyncDisposable {
  /** When the first record of this face came by, on this process's own clock; `undefined` when none did. */
  seenTickMs(subjectId: string, faceId: string): number | undefined
}

/** @param access the keeper's */
export async function watchHub(access: HubAccess): Promise<Watcher> {
  const seen = new Map<string, number>()
  const connection = await connectAs(access)
  const consumer = await jetstream(connection).consumers.get(streamName(access.site, "records"), {
    deliver_policy: DeliverPolicy.New,
  })
  const messages = await consumer.consume({
    callback: ({ subject }) => {
      const entity = subject.split(".").slice(2).join(".")
      if (!seen.has(entity)) seen.set(entity, performance.now())
    },
  })
  return {
    seenTickMs: (subjectId, faceId) => seen.get(`${subjectId}.${faceId}`.replaceAll("-", "")),
    [Symbol.asyncDispose]: async () => {
      messages.stop()
      await connection[Symbol.asyncDispose]()
    },
  }
}
