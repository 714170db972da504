import { existsSync, rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { type BackoffOptions, nextDelayMs } from "../base/backoff.ts"
import type { Log } from "../base/log.ts"
import type { Space } from "../face/embedding.ts"
import { createBuildRest } from "./build-rest.ts"
import type { FaceChange } from "./changes.ts"
import { toVector } from "./faces.ts"
import type { IndexStatus } from "./gallery.ts"
import { type LoadedHnswlib, loadHnswlib } from "./hnswlib.ts"
import { createGeneration, type Generation } from "./index-generation.ts"
import type { SnapshotKey, SnapshotSealing } from "./index-messages.ts"
import { type IndexThread, startIndexThread } from "./index-thread.ts"
import { createBest, dotAt } from "./scan.ts"
import { type SharedSearch, searchShared } from "./search-shared.ts"
import { type Neighbours, searchWidthFor } from "./shared-index.ts"
import type { NumberedVector } from "./vectors.ts"

/** The index of one space: a derived copy in memory, filled from SQLite and following its log of changes. */
export interface SpaceIndex {
  /** Resolves when it holds everything, or has failed for now. */
  readonly started: Promise<void>
  /**
   * Sees every change committed before the call. `members`: these faces alone, exactly. `undefined`: it cannot answer now, so the
   * caller compares for itself.
   */
  search(vector: Float32Array, count: number, members?: Float64Array): Promise<Neighbours | undefined>
  /** There may be changes: take them over soon, so that the next search need not. */
  follow(): void
  status(): IndexStatus
  snapshot(): SnapshotState
  /** Resolves when nothing is being built or saved. */
  settled(): Promise<void>
  /** Overwrites the vectors of faces that were deleted, and writes the snapshot anew; without one that is whole there is none. */
  overwriteRemoved(): Promise<void>
  close(): Promise<void>
}

/** What became of the snapshot at the start. `unused`: too few faces for one, or no place for it. */
export type SnapshotState =
  | { readonly kind: "unused" | "absent" | "taken_over" }
  | { readonly kind: "refused"; readonly why: string }

export interface SpaceIndexNeeds {
  /** The next faces of this space above a number, rising. */
  readonly vectorsAfter: (number: number, limit: number) => readonly NumberedVector[]
  /** As it is stored; `undefined` when there is none any more. */
  readonly vectorAt: (number: number) => Uint8Array | undefined
  readonly changesSince: (seq: number, limit: number) => readonly FaceChange[]
  readonly lastSeq: () => number
  readonly facesCount: () => number
  readonly startWorker: () => Worker
  /** File of its snapshot; absent: it is built anew at every start. */
  readonly snapshotPath: string | undefined
  /** What the snapshot is sealed with. */
  readonly snapshotSealing?: SnapshotSealing | undefined
  /** Up to so many faces are compared one by one; above it a graph is built beside them. */
  readonly scannedMax: number
  /** Of more than so many faces only codes are kept in memory. */
  readonly floatsKeptMax: number
  readonly log: Log
}

/** Up to so many faces a search takes 30 µs: less than handing it to another thread, which then need not exist. */
const directMax = 1000
const searchThreadsMax = 4
/** What codes put a little too far down: of five that are nearest by floats all are among the first 32 by codes (docs/performance.md). */
const codedExtra = 32
/** 20,000 are compared in a third of a millisecond. */
const comparedHereMax = 20_000
/** With more to do than this, every core builds; a few new faces need one. */
const allCoresFrom = 10_000
const fillingLookMs = 20
const restartBackoff: BackoffOptions = { firstMs: 100, maxMs: 30_000 }
/** Once so many, and a fifth of all, are dead, a new graph is made beside the old one: walking around the dead is slow. */
const deadMin = 1000

export function openSpaceIndex(space: Space, needs: SpaceIndexNeeds): SpaceIndex {
  const library = loadHnswlib()
  if (library.kind === "failed") return withoutLibrary(space, library.why, needs)
  if (library.note !== undefined) needs.log.warn({ space, variant: library.variant, why: library.note }, "index library")
  return withLibrary(space, library, needs)
}

/** Every answer is right, and slow: the caller compares. */
function withoutLibrary(space: Space, why: string, { log, facesCount, snapshotPath }: SpaceIndexNeeds): SpaceIndex {
  log.warn({ space, variant: "exact", why }, "index library")
  return {
    started: Promise.resolve(),
    search: () => Promise.resolve(undefined),
    follow: () => undefined,
    status: () => ({ space, faces: facesCount(), state: "ready", progress: 1, variant: "exact" }),
    snapshot: () => ({ kind: "unused" }),
    settled: () => Promise.resolve(),
    overwriteRemoved: async () => removeSnapshot(snapshotPath),
    close: () => Promise.resolve(),
  }
}

function withLibrary(space: Space, library: Extract<LoadedHnswlib, { kind: "ok" }>, needs: SpaceIndexNeeds): SpaceIndex {
  const { shared } = library
  const { log, scannedMax } = needs
  let current: Generation | undefined
  let next: Generation | undefined
  let searchers: readonly IndexThread[] = []
  let builder: IndexThread | undefined
  /** One piece at a time. */
  let building: Promise<void> | undefined
  let restart: NodeJS.Timeout | undefined
  let failures = 0
  let lastId = 0
  let savedBuilt = 0
  let snapshotState: SnapshotState = { kind: "unused" }
  let following = false
  const queued: Queued[] = []
  let closing = false

  const threadNeeds = { startWorker: needs.startWorker, log: log.child({ space }) }
  const snapshotAt = (path: string): SnapshotKey => ({
    path,
    space,
    ...(needs.snapshotSealing && { sealing: needs.snapshotSealing }),
  })
  const rest = createBuildRest(maintain)
  const theBuilder = () => (builder ??= startIndexThread(threadNeeds))

  async function start(): Promise<void> {
    const mine = createGeneration(space, shared, needs)
    current = mine
    try {
      await mine.fill()
    } catch (error) {
      return fail(mine, error)
    }
    if (closing || current !== mine) return
    if (mine.counts().size > scannedMax) await loadSnapshot(mine)
    maintain()
  }

  /** What the index itself throws is a bug or a lack of memory. It is emptied and filled again. */
  function fail(mine: Generation, error: unknown): void {
    mine.close()
    if (next === mine) next = undefined
    if (current !== mine || closing) return
    current = undefined
    failures++
    const delayMs = nextDelayMs(failures, restartBackoff)
    const why = error instanceof Error ? error.message : String(error)
    log.error({ space, why, failures, restartInMs: Math.round(delayMs) }, "index lost")
    restart = setTimeout(() => void start(), delayMs)
  }

  async function loadSnapshot(mine: Generation): Promise<void> {
    if (needs.snapshotPath === undefined) return
    const snapshot = snapshotAt(needs.snapshotPath)
    const told = await theBuilder().ask({ kind: "load", id: ++lastId, index: mine.index, snapshot, lastSeq: needs.lastSeq() })
    if (told?.kind === "loaded" && told.ok) {
      savedBuilt = mine.counts().built
      snapshotState = { kind: "taken_over" }
    } else if (told?.kind === "loaded" && told.why === undefined) {
      snapshotState = { kind: "absent" }
      log.info({ space }, "no snapshot of the index yet: building it")
    } else {
      const why = (told?.kind === "loaded" || told?.kind === "failed" ? told.why : undefined) ?? "the thread was lost"
      snapshotState = { kind: "refused", why }
      log.warn({ space, why }, "snapshot refused: building the index anew")
    }
  }

  /** Hands over what was committed since. False when the index has failed over it. */
  function takeOver(): boolean {
    for (const mine of [current, next]) {
      if (mine === undefined || !mine.filled) continue
      try {
        if (mine.takeOver()) changed(mine)
      } catch (error) {
        fail(mine, error)
      }
    }
    return current?.filled ?? false
  }

  function changed(mine: Generation): void {
    const { size, built } = mine.counts()
    rest.changed(size - built)
  }

  /** Whatever there is to do besides searching: it never holds a search up. */
  function maintain(): void {
    const mine = current
    if (mine === undefined || !mine.filled || closing) return
    const { size, built, dead, gone } = mine.counts()
    if (size <= directMax) {
      shared.tidy(mine.index)
      return
    }
    if (searchers.length === 0) searchers = startSearchers(size <= scannedMax ? 1 : searchThreads())
    else if (size > scannedMax && searchers.length < searchThreads())
      searchers = [...searchers, ...startSearchers(searchThreads() - searchers.length)]
    if (built === 0 && size - dead <= scannedMax) {
      shared.tidy(mine.index)
      return
    }
    if (dead + gone >= deadMin && (dead + gone) * 5 > size && next === undefined) void startAnew()
    building ??= build(next ?? mine).finally(() => {
      building = undefined
    })
  }

  function ask(asked: SharedSearch): Promise<Neighbours | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Neighbours | undefined>()
    queued.push({ asked, resolve, reject })
    if (queued.length === 1) setImmediate(answerQueued)
    return promise
  }

  /** More than are wanted, by their codes; then the floats on the disk decide. */
  async function askByCodes(asked: SharedSearch): Promise<Neighbours | undefined> {
    const found = await ask({ ...asked, count: asked.count + codedExtra })
    if (found === undefined) return undefined
    const best = createBest(asked.count)
    for (const label of found.labels) {
      const bytes = needs.vectorAt(label)
      if (bytes !== undefined) best.offer(label, dotAt(asked.vector, toVector(bytes), 0))
    }
    return best.neighbours()
  }

  /**
   * What came in one turn of the event loop. One of them is answered right here: a search alone takes less than waking another
   * thread twice. The others go to the threads first, so that all cores work.
   */
  function answerQueued(): void {
    const [first, ...others] = queued.splice(0)
    if (first === undefined) return
    for (const one of others) void answerElsewhere(one)
    if (current === undefined || !isQuick(current, first.asked)) void answerElsewhere(first)
    else answerHere(first)
  }

  async function answerElsewhere(one: Queued): Promise<void> {
    const thread = leastBusy(searchers)
    const mine = current
    if (thread !== undefined && mine !== undefined) {
      const told = await thread.ask({ kind: "search", id: ++lastId, index: mine.index, ...one.asked })
      if (told?.kind === "found") return one.resolve(told)
    }
    // No thread, or none any more: this one can do it as well.
    answerHere(one)
  }

  function answerHere({ asked, resolve, reject }: Queued): void {
    try {
      resolve(current?.filled === true ? searchShared(shared, current.index, asked) : undefined)
    } catch (error) {
      reject(error)
    }
  }

  const startSearchers = (count: number) => Array.from({ length: count }, () => startIndexThread(threadNeeds))

  async function build(mine: Generation): Promise<void> {
    if (!mine.filled) return
    const { size, built } = mine.counts()
    const threads = size - built >= allCoresFrom ? availableParallelism() : 1
    const told = await theBuilder().ask({ kind: "build", id: ++lastId, index: mine.index, threads })
    if (closing) return
    if (told?.kind === "failed" && current === mine) return fail(mine, told.why)
    if (told?.kind !== "built") return rest.again()
    const whole = isWhole(mine)
    if (mine === next && whole) replaceCurrent(mine)
    await save(mine)
    if (!whole && !closing) rest.again()
  }

  /** The graph with many dead is left for one without. Until that is built the old one answers. */
  async function startAnew(): Promise<void> {
    const mine = createGeneration(space, shared, needs)
    next = mine
    try {
      await mine.fill()
    } catch (error) {
      return fail(mine, error)
    }
    if (!closing) rest.again()
  }

  function replaceCurrent(mine: Generation): void {
    current?.close()
    current = mine
    next = undefined
    savedBuilt = 0
  }

  /** Often enough that a start has little left to build, and not with every face. */
  async function save(mine: Generation): Promise<void> {
    const { built } = mine.counts()
    if (needs.snapshotPath === undefined || mine !== current) return
    if (savedBuilt > 0 && built - savedBuilt < Math.max(1000, built * 0.02)) return
    await saveNow(mine, needs.snapshotPath)
  }

  async function saveNow(mine: Generation, path: string): Promise<boolean> {
    const { built } = mine.counts()
    const snapshot = snapshotAt(path)
    const told = await theBuilder().ask({ kind: "save", id: ++lastId, index: mine.index, snapshot, seq: mine.cursor() })
    if (told?.kind === "saved") {
      savedBuilt = built
      log.info({ space, faces: built, bytes: told.bytes }, "snapshot of the index written")
    } else if (told?.kind === "failed") log.error({ space, why: told.why }, "snapshot of the index not written")
    return told?.kind === "saved"
  }

  async function settled(): Promise<void> {
    while (building !== undefined) await building
  }

  async function overwriteRemoved(): Promise<void> {
    takeOver()
    // One that is being filled would take them over later.
    while (next !== undefined && !next.filled && !closing) await Bun.sleep(fillingLookMs)
    takeOver()
    for (const mine of [current, next]) if (mine?.filled === true) shared.tidy(mine.index)
    await settled()
    if (needs.snapshotPath === undefined || !existsSync(needs.snapshotPath)) return
    const saved =
      current !== undefined && current.counts().built > 0 && !closing && (await saveNow(current, needs.snapshotPath))
    if (!saved) removeSnapshot(needs.snapshotPath)
  }

  return {
    started: start(),

    search(vector, count, members) {
      if (!takeOver() || current === undefined) return Promise.resolve(undefined)
      const { size, built } = current.counts()
      const threads = size - built > comparedHereMax ? availableParallelism() : 1
      const asked = { vector, width: searchWidthFor(size, count), threads, ...(members !== undefined && { members }) }
      return current.exact ? ask({ ...asked, count }) : askByCodes({ ...asked, count })
    },

    follow() {
      if (following || closing) return
      following = true
      // Many changes in a row become one look.
      setImmediate(() => {
        following = false
        if (!closing) takeOver()
      })
    },

    snapshot: () => snapshotState,
    settled,
    overwriteRemoved,

    status() {
      const variant = `hnswlib ${library.variant}`
      if (current === undefined) return { space, faces: 0, state: "failed", progress: 0, variant }
      const { size, built, dead } = current.counts()
      const faces = size - dead
      // A few waiting faces cost a search nothing, so every enrolment need not flicker here.
      const ready = current.filled && (faces <= scannedMax || size - built <= scannedMax)
      return { space, faces, state: ready ? "ready" : "loading", progress: ready ? 1 : built / Math.max(1, size), variant }
    },

    async close() {
      closing = true
      clearTimeout(restart)
      rest.close()
      await Promise.all([...searchers, ...(builder === undefined ? [] : [builder])].map((thread) => thread.close()))
      current?.close()
      next?.close()
    },
  }
}

/** It is derived, and built anew. */
function removeSnapshot(path: string | undefined): void {
  if (path !== undefined) rmSync(path, { force: true })
}

/** Nothing waits for the graph but a few newcomers. */
function isWhole(generation: Generation): boolean {
  const { size, built } = generation.counts()
  return size - built < allCoresFrom
}

interface Queued {
  readonly asked: SharedSearch
  readonly resolve: (found: Neighbours | undefined) => void
  readonly reject: (why: unknown) => void
}

/** A millisecond or so: that does not hold up the event loop. */
function isQuick(generation: Generation, { members }: SharedSearch): boolean {
  const { size, built } = generation.counts()
  return size - built <= comparedHereMax && (members?.length ?? 0) <= comparedHereMax
}

function searchThreads(): number {
  return Math.min(searchThreadsMax, availableParallelism())
}

function leastBusy(threads: readonly IndexThread[]): IndexThread | undefined {
  let best: IndexThread | undefined
  for (const thread of threads)
    if (thread.waiting !== undefined && (best?.waiting === undefined || thread.waiting < best.waiting)) best = thread
  return best
}
