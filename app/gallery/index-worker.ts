import { assert, unreachable } from "../base/assert.ts"
import { nowTickMs } from "../base/ticks.ts"
import { loadHnswlib } from "./hnswlib.ts"
import type { FromIndex, ToIndex } from "./index-messages.ts"
import { searchShared } from "./search-shared.ts"
import type { SharedIndexes } from "./shared-index.ts"
import { readSnapshot, writeSnapshot } from "./snapshot.ts"

/**
 * A thread that searches or builds. The calls of the index library are synchronous and would hold up the box; here they hold up
 * nobody. It keeps nothing: the index lies in the memory of the process and outlives this thread.
 */
declare const self: Worker

/** How long it does not listen while it builds. Searches go on in other threads meanwhile. */
const buildStepMs = 200
/** Then what is there is told, and saved: a graph of millions takes hours, and a restart must not lose them all. */
const buildMsMax = 600_000

let loaded: SharedIndexes | undefined

self.onmessage = (event: MessageEvent<ToIndex>) => handle(event.data)

function handle(message: ToIndex): void {
  if (message.kind === "stop") process.exit(0) // Of this thread alone.
  try {
    obey(message)
  } catch (error) {
    // An index that was closed meanwhile, a disk that takes nothing: whoever asked is told.
    say({ kind: "failed", id: message.id, why: error instanceof Error ? error.message : String(error) })
  }
}

function obey(message: Exclude<ToIndex, { kind: "stop" }>): void {
  const { id, index } = message
  switch (message.kind) {
    case "search":
      say({ kind: "found", id, ...searchShared(shared(), index, message) })
      return
    case "load": {
      const read = readSnapshot(message.snapshot, message.lastSeq)
      const why = read.kind === "ok" ? shared().loadLinks(index, read.links) : read.why
      say({ kind: "loaded", id, ok: why === "", ...(why !== undefined && why !== "" && { why }) })
      return
    }
    case "build":
      shared().yieldToOthers()
      build(id, index, message.threads, nowTickMs() + buildMsMax)
      return
    case "save":
      say({ kind: "saved", id, bytes: writeSnapshot(message.snapshot, message.seq, shared().saveLinks(index)) })
      return
    default:
      unreachable(message)
  }
}

/** One bounded step, then whatever messages came meanwhile, then the next. */
function build(id: number, index: number, threads: number, untilTickMs: number): void {
  try {
    const hasMore = shared().build(index, threads, buildStepMs)
    if (hasMore && nowTickMs() < untilTickMs) setImmediate(build, id, index, threads, untilTickMs)
    else say({ kind: "built", id })
  } catch (error) {
    say({ kind: "failed", id, why: error instanceof Error ? error.message : String(error) })
  }
}

function shared(): SharedIndexes {
  if (loaded === undefined) {
    const library = loadHnswlib()
    assert(library.kind === "ok", "a thread is started only where the library loads")
    loaded = library.shared
  }
  return loaded
}

function say(message: FromIndex): void {
  self.postMessage(message)
}
