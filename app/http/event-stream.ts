import type { z } from "zod"

/** Answers that come one by one as server-sent events (`text/event-stream`): name of the event → schema of its data. */
export interface EventStream {
  readonly events: Readonly<Record<string, z.ZodType>>
}

/** One event; `id` is what a listener gives back as `Last-Event-ID` to go on from there. */
export type EventOf<Stream extends EventStream> = {
  [Name in keyof Stream["events"] & string]: {
    readonly event: Name
    readonly data: z.input<Stream["events"][Name]>
    readonly id?: string | undefined
  }
}[keyof Stream["events"] & string]

export interface AnyEvent {
  readonly event: string
  readonly data: unknown
  readonly id?: string | undefined
}

export interface Listener {
  /** A comment goes out when nothing else did for so long. */
  readonly heartbeatMs: number
  /** The listener's connection is gone; called once. */
  left(): void
  /** The source of the events has thrown, which ends the stream. */
  failed(error: unknown): void
}

/**
 * Events as the bytes of an answer. An event is asked for only when the listener's connection has room, so whoever hands them
 * out decides what a slow one misses (measured with Bun 1.4.5: a listener that reads nothing is asked for no more once the
 * buffers of its socket are full, some megabytes on loopback).
 */
export function eventStream(events: AsyncIterable<AnyEvent>, listener: Listener): ReadableStream<Uint8Array> {
  const source = events[Symbol.asyncIterator]()
  let coming: Promise<IteratorResult<AnyEvent>> | undefined
  let gone = false
  return new ReadableStream<Uint8Array>({
    // Headers leave with the first bytes: a listener must know at once that it is heard.
    start: (controller) => controller.enqueue(encode(": hello\n\n")),
    pull: async (controller) => {
      try {
        coming ??= source.next()
        const next = await within(coming, listener.heartbeatMs)
        if (gone) return
        if (next === undefined) return controller.enqueue(encode(": still here\n\n"))
        coming = undefined
        if (next.done === true) return controller.close()
        controller.enqueue(written(next.value))
      } catch (error) {
        listener.failed(error)
        controller.error(error)
      }
    },
    cancel: () => {
      gone = true
      listener.left()
    },
  })
}

/** An event that many listeners are told is one object, and is written once. */
const writings = new WeakMap<AnyEvent, Uint8Array>()

function written(event: AnyEvent): Uint8Array {
  const present = writings.get(event)
  if (present !== undefined) return present
  const bytes = encode(format(event))
  writings.set(event, bytes)
  return bytes
}

/** JSON has no line breaks of its own, so one `data:` line holds it. */
function format({ event, data, id }: AnyEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

const encoder = new TextEncoder()
const encode = (text: string) => encoder.encode(text)

async function within<Value>(coming: Promise<Value>, ms: number): Promise<Value | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([coming, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
