import type { Subscription } from "@nats-io/transport-node"
import type { Result } from "../../base/result.ts"
import { nowTickMs } from "../../base/ticks.ts"
import type { Stream, Unreachable } from "../hub.ts"
import type { Listening, News } from "../link/hub.ts"
import type { Line } from "./connection.ts"
import { inboxPrefix, streamName } from "./layout.ts"
import { asUnreachable, meaningOf, type NatsPackages } from "./refusals.ts"

/**
 * What the hub stores, as it stores it: one consumer for each stream that sends the number of every new message, without its bytes,
 * to the box's own inbox. It is a hint to read and nothing more: whatever gets lost on the way is read a little later.
 */
export interface NewsNeeds {
  readonly packages: NatsPackages
  readonly line: Line
  readonly site: string
  readonly box: string
  readonly timeoutMs: number
}

/** The server says so often that it is still there … */
const beatMs = 5000
/** … and is not believed any more after so long a silence: the consumer was on a server that left. */
const silenceMs = 3 * beatMs
const triesMax = 3
/** After it the server forgets a consumer whose box is gone. */
const forgottenAfterNs = 60 * 1e9

export async function listenToStreams(
  needs: NewsNeeds,
  streams: readonly Stream[],
  heard: (news: News) => void,
): Promise<Result<Listening>> {
  const opened: (() => void)[] = []
  const heardTickMs = new Map<Stream, number>()
  const begin = async (stream: Stream): Promise<Unreachable | undefined> => {
    heardTickMs.set(stream, nowTickMs())
    const listen = (sequence: number | undefined) => {
      heardTickMs.set(stream, nowTickMs())
      if (sequence !== undefined) heard({ stream, sequence })
    }
    for (let tries = 1; ; tries++)
      try {
        opened.push(await listenTo(needs, stream, listen))
        return undefined
      } catch (error) {
        const meaning = meaningOf(needs.packages, error)
        // A cluster gives the consumer to any of its servers, also to one that has just been lost.
        if (meaning.kind !== "unreachable" || tries === triesMax || !needs.line.isUp()) return asUnreachable(meaning)
      }
  }
  const failed = (await Promise.all(streams.map(begin))).find((answer) => answer !== undefined)
  if (failed !== undefined) {
    for (const close of opened) close()
    return { kind: "failed", why: failed.why }
  }
  return {
    kind: "ok",
    value: {
      isHeard: () => [...heardTickMs.values()].every((tickMs) => nowTickMs() - tickMs < silenceMs),
      close() {
        for (const close of opened) close()
        return Promise.resolve()
      },
    },
  }
}

/** @param told the number of a message, or nothing for a sign of life */
async function listenTo(
  { packages, line, site, box, timeoutMs }: NewsNeeds,
  stream: Stream,
  told: (sequence: number | undefined) => void,
): Promise<() => void> {
  const { createInbox } = packages.transport
  const { AckPolicy, DeliverPolicy, jetstreamManager } = packages.jetstream
  const inbox = createInbox(inboxPrefix(box))
  // Before the consumer is there: a server sends nothing to nobody.
  const subscription: Subscription = line.connection.subscribe(inbox, {
    callback: (error, { reply }) => {
      // Its permissions do not allow it: the consumer could not have been made either.
      if (error !== null) return
      // A sign of life has no reply. It would be told by its headers, too: decoding them is most of what a message costs.
      told(sequenceOf(reply))
    },
  })
  try {
    const manager = await jetstreamManager(line.connection, { timeout: timeoutMs, checkAPI: false })
    await manager.consumers.add(streamName(site, stream), {
      name: `news${createInbox().replaceAll(/[^A-Za-z0-9]/g, "")}`,
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.New,
      ack_policy: AckPolicy.None,
      headers_only: true,
      idle_heartbeat: beatMs * 1e6,
      inactive_threshold: forgottenAfterNs,
      mem_storage: true,
      num_replicas: 1,
    })
  } catch (error) {
    subscription.unsubscribe()
    throw error
  }
  return () => subscription.unsubscribe()
}

/** See `deliveredOf` in pages.ts. */
function sequenceOf(reply: string | undefined): number | undefined {
  const words = reply?.split(".") ?? []
  const sequence = Number(words[5 + (words.length > 9 ? 2 : 0)])
  return Number.isSafeInteger(sequence) ? sequence : undefined
}
