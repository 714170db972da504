import { SHARE_ENV } from "node:worker_threads"
import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import type { Log } from "../base/log.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { FromIndex, ToIndex } from "./index-messages.ts"

/** A thread for searching or building that is started again when it is lost. The index does not live in it. */
export interface IndexThread {
  /** Messages that wait for an answer; `undefined` while there is no thread. */
  readonly waiting: number | undefined
  /** `undefined` when the thread is lost before it answers, or there is none now. */
  ask(message: Asking): Promise<FromIndex | undefined>
  close(): Promise<void>
}

/** What is answered. */
export type Asking = Exclude<ToIndex, { kind: "stop" }>

export interface IndexThreadNeeds {
  readonly startWorker: () => Worker
  readonly log: Pick<Log, "error">
}

/**
 * Compiled programs find the worker by exactly this expression. It shares our environment: by itself a thread has the one this
 * process was started with, and where the addon has been unpacked is known only since.
 */
export const startIndexWorker = (): Worker => new Worker(new URL("./index-worker.ts", import.meta.url).href, { env: SHARE_ENV })

/** A search takes milliseconds; building, loading and saving take as long as they take. */
const searchWaitMs = 30_000
const stopWaitMs = 2000
const restartBackoff: BackoffOptions = { firstMs: 100, maxMs: 30_000 }
/** A thread that lived this long starts a new count of failures. */
const healthyAfterMs = 60_000

interface Life {
  readonly worker: Worker
  readonly startedTickMs: number
  readonly waiting: Map<number, (answer: FromIndex | undefined) => void>
  readonly closed: PromiseWithResolvers<void>
}

export function startIndexThread({ startWorker, log }: IndexThreadNeeds): IndexThread {
  let life: Life | undefined
  let failures = 0
  let restart: NodeJS.Timeout | undefined
  let closing = false

  function begin(): void {
    const worker = startWorker()
    const mine: Life = { worker, startedTickMs: nowTickMs(), waiting: new Map(), closed: Promise.withResolvers() }
    worker.addEventListener("message", (event: MessageEvent<FromIndex>) => {
      mine.waiting.get(event.data.id)?.(event.data)
      mine.waiting.delete(event.data.id)
    })
    worker.addEventListener("error", (event) => {
      event.preventDefault()
      lose(mine, event.message)
    })
    worker.addEventListener("close", () => {
      mine.closed.resolve()
      lose(mine, "it ended")
    })
    life = mine
  }

  /** Everybody who waits is told, and another thread starts after a pause. */
  function lose(mine: Life, why: string): void {
    if (life !== mine) return
    life = undefined
    for (const tell of mine.waiting.values()) tell(undefined)
    mine.worker.terminate()
    if (closing) return
    failures = nowTickMs() - mine.startedTickMs > healthyAfterMs ? 1 : failures + 1
    const delayMs = nextDelayMs(failures, restartBackoff)
    log.error({ why, failures, restartInMs: Math.round(delayMs) }, "index thread lost")
    restart = setTimeout(begin, delayMs)
  }

  begin()
  return {
    get waiting() {
      return life?.waiting.size
    },

    ask(message) {
      const mine = life
      if (mine === undefined) return Promise.resolve(undefined)
      const { promise, resolve } = Promise.withResolvers<FromIndex | undefined>()
      const overdue =
        message.kind === "search"
          ? setTimeout(() => lose(mine, `no answer within ${searchWaitMs / 1000} s`), searchWaitMs)
          : undefined
      mine.waiting.set(message.id, (answer) => {
        clearTimeout(overdue)
        resolve(answer)
      })
      mine.worker.postMessage(message satisfies ToIndex)
      return promise
    },

    async close() {
      closing = true
      clearTimeout(restart)
      const mine = life
      if (mine === undefined) return
      mine.worker.postMessage({ kind: "stop" } satisfies ToIndex)
      // A thread that ends by itself never ends inside a library call.
      const overdue = setTimeout(mine.closed.resolve, stopWaitMs)
      await mine.closed.promise
      clearTimeout(overdue)
      lose(mine, "closed")
    },
  }
}
