import type { Metrics } from "../base/metrics.ts"
import type { Sighting, Sightings } from "./sighting.ts"

export interface LiveFilter {
  readonly camera?: string | undefined
  readonly subjectId?: string | undefined
}

/** A full answer that comes after a quick one. Nothing of it is kept. */
export interface Refined<Answer> {
  readonly requestId: string
  readonly camera?: string | undefined
  /** Who is in it, for listeners that ask for one subject. */
  readonly subjectIds: readonly string[]
  /** The answer as the route of the quick one gives it. */
  readonly answer: Answer
}

export type LostReason =
  /** The listener was slower than what was recorded. */
  | "slow"
  /** They have left the box since, by age, by size or by hand. */
  | "deleted"
  /** The position is not of this database: it was restored or begun anew. */
  | "unknown_position"

export type LiveEvent<Answer> =
  /** First of all: where the listener stands. With its id, one that breaks off before anything was seen misses nothing either. */
  | { readonly event: "listening"; readonly id: string; readonly data: { readonly number: number } }
  | { readonly event: "sighting"; readonly id: string; readonly data: Sighting }
  | { readonly event: "refined"; readonly data: Answer }
  /** `count` is absent when nobody can say. */
  | { readonly event: "lost"; readonly data: { readonly reason: LostReason; readonly count?: number } }

export type Listening<Answer> =
  | { readonly kind: "listening"; readonly events: AsyncIterable<LiveEvent<Answer>> }
  /** As many listen as may, or the box is stopping. */
  | { readonly kind: "full"; readonly why: string; readonly retryAfterS: number }

export interface Live<Answer> {
  /**
   * Everything recorded after the sighting `afterNumber`, then everything as it is recorded; without it only the latter.
   * `signal` ends it; one that is never listened to ends with its signal too.
   */
  listen(filter: LiveFilter, afterNumber: number | undefined, signal: AbortSignal): Listening<Answer>
  refined(event: Refined<Answer>): void
  listeners(): number
  /** Ends every listener's events and takes no more of them. */
  close(): void
}

export interface LiveOptions {
  readonly listenersMax: number
  readonly listenerBufferMax: number
}

export interface LiveNeeds {
  readonly sightings: Pick<Sightings, "recordedAfter" | "newestNumber" | "oldestNumber" | "follow">
  readonly metrics: Pick<Metrics, "listeners" | "lostEventsTotal">
}

/** Rows read at once for a listener that catches up: a few milliseconds, and as much memory as a page. */
const replayRows = 100

const fullRetryAfterS = 5

/** What happens, for those who listen now. One sighting is one object for all of them. */
export function createLive<Answer>({ sightings, metrics }: LiveNeeds, options: LiveOptions): Live<Answer> {
  const listeners = new Set<Listener<Answer>>()
  let closed = false

  function tell(event: LiveEvent<Answer>, fits: (filter: LiveFilter) => boolean) {
    for (const listener of listeners) if (fits(listener.filter)) listener.tell(event)
  }
  sightings.follow((sighting) => tell(toEvent(sighting), (filter) => matches(sighting, filter)))

  return {
    listen(filter, afterNumber, signal) {
      if (closed) return { kind: "full", why: "the box is stopping", retryAfterS: fullRetryAfterS }
      if (listeners.size >= options.listenersMax) {
        const why = `${listeners.size} listeners are connected, as many as may; close one, or raise sightings.listenersMax`
        return { kind: "full", why, retryAfterS: fullRetryAfterS }
      }
      const listener = createListener<Answer>(filter, afterNumber, { sightings, metrics }, options.listenerBufferMax)
      const leave = () => {
        listener.end()
        listeners.delete(listener)
        metrics.listeners.set(listeners.size)
      }
      listeners.add(listener)
      metrics.listeners.set(listeners.size)
      if (signal.aborted) leave()
      else signal.addEventListener("abort", leave, { once: true })
      return { kind: "listening", events: listener.events() }
    },

    refined: ({ camera, subjectIds, answer }) =>
      tell({ event: "refined", data: answer }, (filter) => {
        if (filter.camera !== undefined && filter.camera !== camera) return false
        return filter.subjectId === undefined || subjectIds.includes(filter.subjectId)
      }),

    listeners: () => listeners.size,

    close() {
      closed = true
      for (const listener of listeners) listener.end()
      listeners.clear()
      metrics.listeners.set(0)
    },
  }
}

interface Listener<Answer> {
  readonly filter: LiveFilter
  tell(event: LiveEvent<Answer>): void
  events(): AsyncGenerator<LiveEvent<Answer>>
  end(): void
}

/**
 * First the database is read, page by page at the listener's own pace. The page that comes back empty and the first live event
 * lie in one piece of synchronous code, so nothing can be recorded between them: no gap and no duplicate.
 */
function createListener<Answer>(
  filter: LiveFilter,
  afterNumber: number | undefined,
  { sightings, metrics }: LiveNeeds,
  bufferMax: number,
): Listener<Answer> {
  let waiting: LiveEvent<Answer>[] = []
  let lost = 0
  let ended = false
  let live = afterNumber === undefined
  let wake = Promise.withResolvers<void>()
  const newest = sightings.newestNumber()
  const known = afterNumber === undefined || afterNumber <= newest
  let position = known ? (afterNumber ?? newest) : newest

  async function* events(): AsyncGenerator<LiveEvent<Answer>> {
    yield { event: "listening", id: String(position), data: { number: position } }
    if (!known) yield { event: "lost", data: { reason: "unknown_position" } }
    while (!live && !ended) yield* nextPage()
    while (!ended) {
      if (lost > 0) {
        const count = lost
        lost = 0
        yield { event: "lost", data: { reason: "slow", count } }
        continue
      }
      const next = waiting.shift()
      if (next !== undefined) yield next
      else await wake.promise
    }
  }

  async function* nextPage(): AsyncGenerator<LiveEvent<Answer>> {
    const oldest = sightings.oldestNumber() ?? sightings.newestNumber() + 1
    if (oldest - 1 > position) {
      const count = oldest - 1 - position
      position = oldest - 1
      yield { event: "lost", data: { reason: "deleted", count } }
    }
    const page = sightings.recordedAfter(position, replayRows)
    if (page.length === 0) {
      live = true
      return
    }
    for (const sighting of page) {
      position = sighting.number
      if (matches(sighting, filter)) yield toEvent(sighting)
    }
    // A filter that fits nobody must not hold up everybody else.
    await new Promise<void>((resume) => setImmediate(resume))
  }

  return {
    filter,
    tell(event) {
      // What is recorded before the listener has caught up will be read with its page.
      if (ended || (!live && event.event === "sighting")) return
      if (waiting.length >= bufferMax) {
        waiting.shift()
        lost += 1
        metrics.lostEventsTotal.inc()
      }
      waiting.push(event)
      wake.resolve()
      wake = Promise.withResolvers()
    },
    events,
    end() {
      ended = true
      waiting = []
      wake.resolve()
    },
  }
}

function toEvent(sighting: Sighting): Extract<LiveEvent<never>, { event: "sighting" }> {
  return { event: "sighting", id: String(sighting.number), data: sighting }
}

function matches({ camera, faces }: Sighting, filter: LiveFilter): boolean {
  if (filter.camera !== undefined && filter.camera !== camera) return false
  return filter.subjectId === undefined || faces.some(({ subjectId }) => subjectId === filter.subjectId)
}
