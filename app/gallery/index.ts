import { SHARE_ENV } from "node:worker_threads"
import { assert, unreachable } from "../base/assert.ts"
import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import type { Log } from "../base/log.ts"
import { nowTickMs } from "../base/ticks.ts"
import { type Space, spaceDimension } from "../face/embedding.ts"
import type { FaceChange } from "./changes.ts"
import type { NumberedVector } from "./faces.ts"
import type { IndexStatus } from "./gallery.ts"
import type { FromIndex, IndexFill, ToIndex } from "./index-messages.ts"
import type { Neighbours } from "./vector-index.ts"

/** The index of one space: a derived copy in a thread of its own, filled from SQLite and following its log of changes. */
export interface SpaceIndex {
  /** Resolves when it holds everything, or has failed for now. */
  readonly started: Promise<void>
  /** Sees every change committed before the call. `undefined`: it cannot answer now, so the caller compares for itself. */
  search(vector: Float32Array, count: number): Promise<Neighbours | undefined>
  /** There may be changes: take them over soon, so that the next search need not. */
  follow(): void
  status(): IndexStatus
  close(): Promise<void>
}

export interface SpaceIndexNeeds {
  /** The next faces of this space above a number, rising. */
  readonly vectorsAfter: (number: number, limit: number) => readonly NumberedVector[]
  readonly changesSince: (seq: number, limit: number) => readonly FaceChange[]
  readonly lastSeq: () => number
  readonly startWorker: () => Worker
  readonly log: Log
}

/**
 * Compiled programs find the worker by exactly this expression. It shares our environment: by itself a thread has the one this
 * process was started with, and where the addon has been unpacked is known only since.
 */
export const startIndexWorker = (): Worker => new Worker(new URL("./index-worker.ts", import.meta.url).href, { env: SHARE_ENV })

/** 2,000 × 256 floats are 2 MB: small against memory, large against the cost of a message. */
const pageFaces = 2000
/** A healthy worker answers within milliseconds; it is busy for seconds only while it makes room for a million faces. */
const answerWaitMs = 30_000
const stopWaitMs = 2000
const restartBackoff: BackoffOptions = { firstMs: 100, maxMs: 30_000 }
/** A worker that lived this long starts a new count of failures. */
const healthyAfterMs = 60_000

/** One life of a worker. A new one begins with nothing. */
interface Session {
  readonly worker: Worker
  readonly startedTickMs: number
  readonly waiting: Map<number, (answer: FromIndex | undefined) => void>
  readonly closed: PromiseWithResolvers<void>
  /** Changes up to this one are with the worker. */
  cursor: number
  filled: boolean
  fill: IndexFill
  variant: string
}

export function openSpaceIndex(space: Space, scannedMax: number, needs: SpaceIndexNeeds): SpaceIndex {
  const dimension = spaceDimension(space)
  let session: Session | undefined
  let failures = 0
  let lastId = 0
  let restart: NodeJS.Timeout | undefined
  let following = false
  let closing = false

  async function start(): Promise<void> {
    const mine = begin()
    session = mine
    post(mine, { kind: "open", dimension, scannedMax })
    // Faces read below may be newer than this; following from here skips what the worker has.
    mine.cursor = needs.lastSeq()
    let number = 0
    for (;;) {
      const page = needs.vectorsAfter(number, pageFaces)
      number = page.at(-1)?.number ?? number
      if (page.length === 0) break
      // Waiting for each page keeps the pages in flight to one, however large the gallery is.
      if ((await ask(mine, applying(page, []))) === undefined) return
    }
    mine.filled = true
  }

  function begin(): Session {
    const worker = needs.startWorker()
    const mine: Session = {
      worker,
      startedTickMs: nowTickMs(),
      waiting: new Map(),
      closed: Promise.withResolvers(),
      cursor: 0,
      filled: false,
      fill: { faces: 0, waiting: 0 },
      variant: "starting",
    }
    worker.addEventListener("message", (event: MessageEvent<FromIndex>) => hear(mine, event.data))
    worker.addEventListener("error", (event) => {
      event.preventDefault()
      lose(mine, event.message)
    })
    worker.addEventListener("close", () => {
      mine.closed.resolve()
      lose(mine, "it ended")
    })
    return mine
  }

  function hear(mine: Session, message: FromIndex): void {
    switch (message.kind) {
      case "opened":
        mine.variant = message.variant
        if (message.note !== undefined) needs.log.warn({ space, variant: message.variant, why: message.note }, "index library")
        return
      case "built":
        mine.fill = message
        return
      case "applied":
        mine.fill = message
        settle(mine, message.id, message)
        return
      case "found":
        settle(mine, message.id, message)
        return
      default:
        unreachable(message)
    }
  }

  function settle(mine: Session, id: number, answer: FromIndex): void {
    mine.waiting.get(id)?.(answer)
    mine.waiting.delete(id)
  }

  function post(mine: Session, message: ToIndex): void {
    mine.worker.postMessage(message)
  }

  /** `undefined` when the worker is lost before it answers. */
  function ask(mine: Session, message: Extract<ToIndex, { id: number }>): Promise<FromIndex | undefined> {
    if (session !== mine) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<FromIndex | undefined>()
    const overdue = setTimeout(() => lose(mine, `no answer within ${answerWaitMs / 1000} s`), answerWaitMs)
    mine.waiting.set(message.id, (answer) => {
      clearTimeout(overdue)
      resolve(answer)
    })
    post(mine, message)
    return promise
  }

  /** Everybody who waits is told, and another worker starts after a pause. */
  function lose(mine: Session, why: string): void {
    if (session !== mine) return
    session = undefined
    for (const tell of mine.waiting.values()) tell(undefined)
    mine.worker.terminate()
    if (closing) return
    failures = nowTickMs() - mine.startedTickMs > healthyAfterMs ? 1 : failures + 1
    const delayMs = nextDelayMs(failures, restartBackoff)
    needs.log.error({ space, why, failures, restartInMs: Math.round(delayMs) }, "index worker lost")
    restart = setTimeout(() => void start(), delayMs)
  }

  function applying(added: readonly NumberedVector[], removed: readonly number[]): Extract<ToIndex, { kind: "apply" }> {
    const vectors = new Float32Array(added.length * dimension)
    const bytes = new Uint8Array(vectors.buffer)
    for (const [place, face] of added.entries()) {
      assert(face.vector.length === dimension * 4, "a stored vector has the length of its space")
      bytes.set(face.vector, place * dimension * 4)
    }
    return { kind: "apply", id: ++lastId, added: added.map((face) => face.number), vectors, removed }
  }

  /** Hands over what was committed since. Messages keep their order, so a search posted afterwards sees all of it. */
  function takeOver(mine: Session): void {
    for (;;) {
      const page = needs.changesSince(mine.cursor, pageFaces)
      const last = page.at(-1)
      if (last === undefined) return
      // A face is in the table now or it is not, whatever the steps between: numbers are never used again.
      const added = page.flatMap(({ faceNumber, vector }) => (vector === null ? [] : [{ number: faceNumber, vector }]))
      const removed = page.flatMap(({ faceNumber, vector }) => (vector === null ? [faceNumber] : []))
      void ask(mine, applying(added, removed))
      mine.cursor = last.seq
    }
  }

  return {
    started: start(),

    async search(vector, count) {
      const mine = session
      if (mine === undefined || !mine.filled) return undefined
      takeOver(mine)
      const answer = await ask(mine, { kind: "search", id: ++lastId, vector, count })
      return answer?.kind === "found" ? answer : undefined
    },

    follow() {
      if (following || closing) return
      following = true
      // Many changes in a row become one message.
      setImmediate(() => {
        following = false
        if (session?.filled) takeOver(session)
      })
    },

    status() {
      if (session === undefined) return { space, faces: 0, state: "failed", variant: "none" }
      const { filled, fill, variant } = session
      // A few waiting faces cost a search nothing, so every enrolment need not flicker here.
      return { space, faces: fill.faces, state: filled && fill.waiting <= scannedMax ? "ready" : "loading", variant }
    },

    async close() {
      closing = true
      clearTimeout(restart)
      const mine = session
      if (mine === undefined) return
      post(mine, { kind: "stop" })
      // A thread that ends by itself never ends inside a library call.
      const overdue = setTimeout(mine.closed.resolve, stopWaitMs)
      await mine.closed.promise
      clearTimeout(overdue)
      lose(mine, "closed")
    },
  }
}
