import type { Job } from "./job.ts"
import type { EnrolmentsOptions } from "./options.ts"

export type JobEvent =
  /** As it is now; what lies between two of them is not told one by one. */
  | { readonly event: "progress"; readonly data: Job }
  /** It is over, and nothing comes after. */
  | { readonly event: "ended"; readonly data: Job }

export type Listening =
  | { readonly kind: "listening"; readonly events: AsyncIterable<JobEvent> }
  | { readonly kind: "no_job" }
  /** As many listen as may, or the box is stopping. */
  | { readonly kind: "full"; readonly why: string; readonly retryAfterS: number }

export interface Progress {
  /** Something new can be told of some job. */
  changed(): void
  listen(id: string, signal: AbortSignal): Listening
  /** Ends every listener's events. */
  close(): void
}

/** A listener is told no more often: each time the job's row is read and written out. */
const tellEveryMs = 250
const fullRetryAfterS = 5

/** Who listens gets the newest state and no backlog: nothing waits for a slow one. */
export function createProgress(
  get: (id: string) => Job | undefined,
  { listenersMax }: Pick<EnrolmentsOptions, "listenersMax">,
): Progress {
  let listeners = 0
  let news = Promise.withResolvers<void>()
  const closing = new AbortController()

  async function* follow(id: string, signal: AbortSignal): AsyncGenerator<JobEvent> {
    const gone = aborted(signal)
    for (;;) {
      const next = news.promise
      const job = get(id)
      if (job === undefined) return
      const isOver = job.state !== "waiting" && job.state !== "running"
      yield { event: isOver ? "ended" : "progress", data: job }
      if (isOver || signal.aborted) return
      await Promise.race([next, gone])
      if (signal.aborted) return
      await Bun.sleep(tellEveryMs)
    }
  }

  return {
    changed() {
      news.resolve()
      news = Promise.withResolvers()
    },

    listen(id, leaving) {
      if (get(id) === undefined) return { kind: "no_job" }
      if (closing.signal.aborted) return { kind: "full", why: "the box is stopping", retryAfterS: fullRetryAfterS }
      if (listeners >= listenersMax) {
        const why = `${listeners} listeners follow enrolments, as many as may; close one, or raise enrolments.listenersMax`
        return { kind: "full", why, retryAfterS: fullRetryAfterS }
      }
      listeners += 1
      const signal = AbortSignal.any([leaving, closing.signal])
      signal.addEventListener("abort", leave, { once: true })
      let left = false
      function leave() {
        if (!left) listeners -= 1
        left = true
      }
      async function* events(): AsyncGenerator<JobEvent> {
        try {
          yield* follow(id, signal)
        } finally {
          leave()
        }
      }
      return { kind: "listening", events: events() }
    },

    close: () => closing.abort(),
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => signal.addEventListener("abort", () => settle(), { once: true }))
}
