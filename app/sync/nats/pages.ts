import type { StoredMsg } from "@nats-io/jetstream"
import type { Msg } from "@nats-io/transport-node"
import { nowTickMs } from "../../base/ticks.ts"
import type { HubEntry, Read, Stream, Unreachable } from "../hub.ts"
import type { Line } from "./connection.ts"
import { inboxPrefix, placeOf, streamName } from "./layout.ts"
import { asUnreachable, meaningOf, type NatsPackages } from "./refusals.ts"

/**
 * Reading a stream page by page, by a consumer that the server forgets when nobody asks any more. It is kept from one page to the
 * next: a reader goes on where it was, mostly.
 */
export interface PageNeeds {
  readonly packages: NatsPackages
  readonly line: Line
  readonly site: string
  readonly box: string
  readonly timeoutMs: number
  /** The first message behind a number, by the stream's leader. */
  readonly next: (
    stream: Stream,
    after: number,
  ) => Promise<{ readonly kind: "found"; readonly message: StoredMsg } | { readonly kind: "none" } | Unreachable>
  /** What lies at a number, by the stream's leader. */
  readonly at: PageNeeds["next"]
  /** The number of the last message that is there, by the stream's leader; 0 for none. */
  readonly last: (stream: Stream) => Promise<{ readonly kind: "last"; readonly sequence: number } | Unreachable>
}

/** A consumer and where it is. */
interface Reader {
  /** How many messages it was sent. */
  order: number
  readonly name: string
  readonly generation: number
  at: number
  /** Whether there was no more the last time: then probably now, too, after a few. */
  wasDry: boolean
}

interface Page {
  readonly kind: "page"
  readonly messages: readonly Delivered[]
  /** The consumer's server has no more. */
  readonly isDry: boolean
}

interface Delivered {
  readonly sequence: number
  /** Counts what the consumer sent, from 1: where one is missing, a message was lost on the way. */
  readonly order: number
  readonly pending: number
  readonly subject: string
  readonly data: Uint8Array
}

/** After it the server forgets a consumer that nobody asked. */
const forgottenAfterNs = 60 * 1e9
/** The time for an answer is that for so many messages of it. */
const deliveredPerTimeout = 256
/** So often a consumer that is behind its leader is made anew before it is given up. */
const behindMax = 20
const behindNapMs = 100
/** Up to so many are asked for one by one: that takes the stream's leader alone, while a consumer needs one that lives, and the cluster's. */
const fewMax = 4
/**
 * A cluster gives a consumer to any server of the stream, also to one that has just been lost: it tells that it is gone only after
 * minutes. Then all is asked for by its number for so long, which is slower and gets there.
 */
const oneByOneMs = 15_000
const atOnceMax = 16

export function createPages({ packages, line, site, box, timeoutMs, last, at, next: nextMessage }: PageNeeds) {
  const { createInbox } = packages.transport
  const readers = new Map<Stream, Reader>()
  let made = 0
  let oneByOneUntilTickMs = Number.NEGATIVE_INFINITY

  function unreachableFor(error: unknown): Unreachable {
    return asUnreachable(meaningOf(packages, error))
  }

  async function readerAt(stream: Stream, after: number): Promise<Reader> {
    const present = readers.get(stream)
    if (present !== undefined && present.at === after && present.generation === line.generation()) return present
    const name = `${createInbox().replaceAll(/[^A-Za-z0-9]/g, "")}${++made}`
    const { AckPolicy, DeliverPolicy, jetstreamManager } = packages.jetstream
    const manager = await jetstreamManager(line.connection, { timeout: timeoutMs, checkAPI: false })
    await manager.consumers.add(streamName(site, stream), {
      name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      ack_policy: AckPolicy.None,
      inactive_threshold: forgottenAfterNs,
      mem_storage: true,
      num_replicas: 1,
    })
    const reader = { name, generation: line.generation(), at: after, order: 0, wasDry: false }
    readers.set(stream, reader)
    return reader
  }

  /** What the server has ready, up to so many. */
  function next(stream: Stream, reader: Reader, limit: number): Promise<Page | Unreachable> {
    // Records come under their own subjects: whose answer they are is told by the subscription they come through.
    const inbox = createInbox(inboxPrefix(box))
    const messages: Delivered[] = []
    return new Promise((resolve) => {
      const settle = (page: Page | Unreachable) => {
        clearTimeout(timer)
        subscription.unsubscribe()
        // Half a page, and no way to know what became of the rest: the next one begins anew.
        if (page.kind === "unreachable") readers.delete(stream)
        resolve(page)
      }
      const late = () => settle({ kind: "unreachable", why: "the hub did not deliver in time" })
      let timer = setTimeout(late, timeoutMs)
      const subscription = line.connection.subscribe(inbox, {
        callback: (error, message) => {
          const page = error === null ? withMessage(messages, message, limit) : unreachableFor(error)
          if (page !== undefined) settle(page)
          else if (messages.length % deliveredPerTimeout === 0) {
            clearTimeout(timer)
            timer = setTimeout(late, timeoutMs)
          }
        },
      })
      const asked = JSON.stringify({ batch: limit, no_wait: true })
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${streamName(site, stream)}.${reader.name}`
      line.connection.publish(subject, asked, { reply: inbox })
    })
  }

  async function readOnce(
    stream: Stream,
    after: number,
    limit: number,
  ): Promise<Read | Unreachable | { readonly kind: "behind" }> {
    const reader = await readerAt(stream, after)
    // Asked with the page where it will be wanted: what the leader had by then, the page has to show.
    const early = reader.wasDry ? last(stream) : undefined
    const page = await next(stream, reader, limit)
    const asked = await early
    if (page.kind === "unreachable") return page
    if (page.messages.some(({ order }, i) => order !== reader.order + i + 1)) {
      // It was sent once, and is not again: another consumer shows it.
      readers.delete(stream)
      return { kind: "behind" }
    }
    reader.order += page.messages.length
    reader.wasDry = page.isDry
    reader.at = page.messages.at(-1)?.sequence ?? after
    const entries = page.messages.flatMap((message) => entryOf(site, stream, message) ?? [])
    if (!page.isDry) return { kind: "read", entries, isEnd: false, left: page.messages.at(-1)?.pending ?? 0 }
    // A consumer reads what its own server has, which in a cluster may be less than what the leader has acknowledged.
    const end = asked ?? (await last(stream))
    if (end.kind === "unreachable") return end
    if (end.sequence <= reader.at) return { kind: "read", entries, isEnd: true }
    return entries.length > 0 ? { kind: "read", entries, isEnd: false } : { kind: "behind" }
  }

  /** Without a consumer, from the stream's leader: some at a time, and where nothing lies, whatever comes next. */
  async function readSome(stream: Stream, from: number, limit: number): Promise<Read | Unreachable> {
    const entries: HubEntry[] = []
    for (let after = from; entries.length < limit; ) {
      const found = await nextMessage(stream, after)
      if (found.kind === "unreachable") return found
      if (found.kind === "none") return { kind: "read", entries, isEnd: true }
      const first = found.message.seq
      const more = Math.min(atOnceMax, limit - entries.length) - 1
      const beside = await Promise.all(Array.from({ length: more }, (_, i) => at(stream, first + 1 + i)))
      for (const answer of [found, ...beside]) {
        if (answer.kind === "unreachable") return answer
        // Removed, or stored after it was asked for: what lies behind it is not to be read before that is known.
        if (answer.kind === "none") break
        const { seq: sequence, subject, data } = answer.message
        const entry = entryOf(site, stream, { sequence, subject, data })
        if (entry !== undefined) entries.push(entry)
        after = sequence
      }
    }
    return { kind: "read", entries, isEnd: false }
  }

  /** What a reader who is nearly at the end asks for, one after the other; `undefined` when there is more than a few. */
  async function readFew(stream: Stream, from: number, limit: number): Promise<Read | Unreachable | undefined> {
    const entries: HubEntry[] = []
    for (let after = from, count = 0; count < Math.min(fewMax, limit); count++) {
      const found = await nextMessage(stream, after)
      if (found.kind === "unreachable") return found
      if (found.kind === "none") return { kind: "read", entries, isEnd: true }
      const { seq: sequence, subject, data } = found.message
      const entry = entryOf(site, stream, { sequence, subject, data })
      if (entry !== undefined) entries.push(entry)
      after = sequence
    }
    return undefined
  }

  async function readByConsumer(stream: Stream, after: number, limit: number): Promise<Read | Unreachable> {
    for (let tries = 0; tries < behindMax; tries++) {
      if (!line.isUp()) return { kind: "unreachable", why: line.why() }
      try {
        const read = await readOnce(stream, after, limit)
        if (read.kind !== "behind") return read
        // Mostly it came between the two questions, and the reader is as good as it was.
        if (tries === 0) continue
        await Bun.sleep(behindNapMs)
      } catch (error) {
        return unreachableFor(error)
      }
      readers.delete(stream)
    }
    return {
      kind: "unreachable",
      why: `the server that delivers ${stream} is behind the hub's leader, and does not catch up`,
    }
  }

  return {
    async read(stream: Stream, after: number, limit: number): Promise<Read | Unreachable> {
      if (nowTickMs() < oneByOneUntilTickMs) return readSome(stream, after, limit)
      const reader = readers.get(stream)
      if (reader?.at !== after || reader.wasDry) {
        const few = await readFew(stream, after, limit)
        if (few !== undefined) return few
      }
      const read = await readByConsumer(stream, after, limit)
      // A page of what nobody of the site wrote has no entries, and would be asked for again and again.
      if (read.kind === "read" && (read.isEnd || read.entries.length > 0)) return read
      if (!line.isUp()) return { kind: "unreachable", why: line.why() }
      oneByOneUntilTickMs = nowTickMs() + oneByOneMs
      return readSome(stream, after, limit)
    },
  }
}

/** Takes one more of a page's messages; the page, when that was the last. */
function withMessage(messages: Delivered[], message: Msg, limit: number): Page | Unreachable | undefined {
  // Before the headers, which take longer to decode than all else: what was delivered has a name, and no code.
  const delivered = deliveredOf(message)
  if (delivered === undefined) {
    const { code = 0, description = "" } = message.headers ?? {}
    // Nothing there; nothing any more.
    if (code === 404 || code === 408) return { kind: "page", messages, isDry: true }
    if (code >= 400) return { kind: "unreachable", why: `the hub stopped delivering: ${description} (${code})` }
    if (code > 0) return undefined
    return { kind: "unreachable", why: `the hub delivered what was not asked for: ${message.subject}` }
  }
  messages.push(delivered)
  // Not when nothing is pending: until the server has said that nothing follows, what is stored just now may come as well.
  return messages.length === limit ? { kind: "page", messages, isDry: delivered.pending === 0 } : undefined
}

/** The name of each delivery tells where it is from: server/consumer.go, ackReplySubject. Newer servers put two more words before. */
function deliveredOf({ subject, reply, data }: Msg): Delivered | undefined {
  const words = reply?.split(".") ?? []
  if (words[0] !== "$JS" || words[1] !== "ACK" || words.length < 9) return undefined
  const from = words.length > 9 ? 2 : 0
  const [sequence, order, pending] = [5, 6, 8].map((at) => Number(words[at + from])) as [number, number, number]
  return [sequence, order, pending].every(Number.isSafeInteger) ? { sequence, order, pending, subject, data } : undefined
}

function entryOf(
  site: string,
  stream: Stream,
  { sequence, subject, data }: Pick<Delivered, "sequence" | "subject" | "data">,
): HubEntry | undefined {
  const place = placeOf(site, stream, subject)
  if (place?.kind === "marker") return { kind: "marker", marker: { sequence, name: new TextDecoder().decode(data) } }
  // What is neither is skipped by whoever reads, and its number with it.
  return place === undefined ? undefined : { kind: "record", record: { sequence, key: place.key, bytes: data } }
}
