import type { StoredMsg } from "@nats-io/jetstream"
import type { Result } from "../../base/result.ts"
import type { HubRecord, Marker, Stream, Unreachable, Written } from "../hub.ts"
import type { LinkHub } from "../link/hub.ts"
import { connectLine, type HubAddress, type Line } from "./connection.ts"
import {
  anySubject,
  leaseStream,
  leaseSubject,
  markerSlots,
  markerSubject,
  placeOf,
  type StreamSettings,
  streamName,
  streamPlans,
  subjectOf,
} from "./layout.ts"
import { listenToStreams } from "./news.ts"
import { createPages } from "./pages.ts"
import { asUnreachable, type HubError, loadNats, meaningOf, type NatsPackages } from "./refusals.ts"
import { prepareStreams } from "./streams.ts"

export interface NatsHubOptions extends HubAddress, StreamSettings {
  readonly site: string
  /** For each question. What was asked while a line broke is never answered, so this is what a break costs. */
  readonly timeoutMs?: number
}

export type NatsHub = LinkHub

const timeoutMsUsual = 2000
/** Of a message, beside its bytes: subject and headers. */
const wrappingBytes = 1024

/**
 * A hub that is a NATS server with JetStream, or a cluster of them. It connects, and makes the site's streams where they are missing
 * and this box may; streams whose settings would lose data are refused. From then on a broken line is an answer of each call.
 */
export async function openNatsHub(options: NatsHubOptions): Promise<Result<NatsHub>> {
  const packages = await loadNats()
  const connected = await connectLine(packages, options)
  if (connected.kind === "failed") return connected
  const line = connected.value
  const prepared = await prepareStreams(packages, line, streamPlans(options.site, options))
  if (prepared.kind === "ok") return { kind: "ok", value: await hubOver(packages, line, options) }
  await line.close()
  return prepared
}

type Found<Value> = { readonly kind: "found" } & Value

async function hubOver(packages: NatsPackages, line: Line, options: NatsHubOptions): Promise<NatsHub> {
  const { site, box, timeoutMs = timeoutMsUsual } = options
  const { connection } = line
  const client = packages.jetstream.jetstream(connection, { timeout: timeoutMs })
  const manager = await packages.jetstream.jetstreamManager(connection, { timeout: timeoutMs, checkAPI: false })
  let marked = Math.floor(Math.random() * markerSlots)

  /** Every call goes this way: a broken line is an answer, and so is whatever the server says. */
  async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer | HubError> {
    if (!line.isUp()) return { kind: "unreachable", why: line.why() }
    try {
      return await question()
    } catch (error) {
      return meaningOf(packages, error)
    }
  }

  /** As the stream's leader has it: followers are not asked. */
  async function stored(
    stream: string,
    query: { seq: number } | { last_by_subj: string } | { seq: number; next_by_subj: string },
  ): Promise<Found<{ message: StoredMsg }> | None | Unreachable> {
    const answer = await ask(async () => {
      const message = await manager.streams.getMessage(stream, query)
      return message === null ? none : ({ kind: "found", message } as const)
    })
    return answer.kind === "found" || answer.kind === "none" ? answer : asUnreachable(answer)
  }

  async function publish(subject: string, bytes: Uint8Array, expected?: number): Promise<Written | Unreachable> {
    const bytesMax = (connection.info?.max_payload ?? 0) - wrappingBytes
    // The server would close the line.
    if (line.isUp() && bytes.length > bytesMax)
      return { kind: "refused", why: `${bytes.length} bytes; the hub takes ${bytesMax} (its max_payload)` }
    const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }
    const answer = await ask(async () => {
      const { seq } = await client.publish(subject, bytes, { timeout: timeoutMs, ...expect })
      return { kind: "written", sequence: seq } as const
    })
    return answer.kind === "missing" ? asUnreachable(answer) : answer
  }

  const markerOf = (stream: Stream, { seq, subject, data }: StoredMsg): Marker | undefined =>
    placeOf(site, stream, subject)?.kind === "marker" ? { sequence: seq, name: new TextDecoder().decode(data) } : undefined

  async function marker(stream: Stream, query: { seq: number } | { last_by_subj: string }) {
    const answer = await stored(streamName(site, stream), query)
    if (answer.kind !== "found") return answer
    const found = markerOf(stream, answer.message)
    return found === undefined ? none : ({ kind: "found", marker: found } as const)
  }

  async function lastOf(stream: Stream) {
    const answer = await stored(streamName(site, stream), { last_by_subj: anySubject(site) })
    if (answer.kind === "unreachable") return answer
    return { kind: "last", sequence: answer.kind === "none" ? 0 : answer.message.seq } as const
  }

  const nextOf = (stream: Stream, after: number) =>
    stored(streamName(site, stream), { seq: after + 1, next_by_subj: anySubject(site) })

  const at = (stream: Stream, sequence: number) => stored(streamName(site, stream), { seq: sequence })

  const read = () => createPages({ packages, line, site, box, timeoutMs, last: lastOf, next: nextOf, at }).read

  const hub: NatsHub = {
    read: read(),
    write: (stream, key, bytes, expected) => publish(subjectOf(site, stream, key), bytes, expected),
    async latest(stream, key) {
      const answer = await stored(streamName(site, stream), { last_by_subj: subjectOf(site, stream, key) })
      if (answer.kind !== "found") return answer
      return { kind: "found", entry: { sequence: answer.message.seq, key, bytes: answer.message.data } }
    },
    markerAt: (stream, sequence) => (sequence < 1 ? Promise.resolve(none) : marker(stream, { seq: sequence })),
    newestMarker: (stream) => marker(stream, { last_by_subj: markerSubject(site, stream, "*") }),
    async mark(stream, name) {
      const slot = marked++ % markerSlots
      const written = await publish(markerSubject(site, stream, slot), new TextEncoder().encode(name))
      return written.kind === "written" ? { kind: "marked" } : asUnreachable(written)
    },
    async remove(stream: Stream, entry: HubRecord) {
      const name = streamName(site, stream)
      const present = await stored(name, { seq: entry.sequence })
      if (present.kind === "unreachable") return present
      if (present.kind === "none" || !isEntry(site, stream, entry, present.message)) return { kind: "removed" }
      const answer = await ask(async () => {
        // The last word is what overwrites it on the disk: without it the server only forgets where it lies.
        await manager.streams.deleteMessage(name, entry.sequence, true)
        return { kind: "removed" } as const
      })
      return answer.kind === "removed" ? answer : asUnreachable(answer)
    },
    lease: {
      async read() {
        const answer = await stored(leaseStream(site), { last_by_subj: leaseSubject(site) })
        if (answer.kind !== "found") return answer
        return { kind: "found", revision: answer.message.seq, holder: new TextDecoder().decode(answer.message.data) }
      },
      write: (holder, expected) => publish(leaseSubject(site), new TextEncoder().encode(holder), expected),
    },
    server: () => {
      const version = connection.info?.version
      // Not what the server says of itself, which may be 0.0.0.0.
      return line.isUp() && version !== undefined ? { address: connection.getServer(), version } : undefined
    },
    generation: line.generation,
    listen: (heard) => listenToStreams({ packages, line, site, box, timeoutMs }, newsStreams, heard),
    // Readers are kept by whoever reads.
    apart: () => ({ ...hub, read: read() }),
    close: line.close,
  }
  return hub
}

const newsStreams: readonly Stream[] = ["erasures", "records", "announcements"]

type None = { readonly kind: "none" }
const none: None = { kind: "none" }

function isEntry(site: string, stream: Stream, { key, bytes }: HubRecord, message: StoredMsg): boolean {
  const place = placeOf(site, stream, message.subject)
  return place?.kind === "record" && place.key === key && Buffer.compare(bytes, message.data) === 0
}
