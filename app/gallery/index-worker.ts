import { assert, unreachable } from "../base/assert.ts"
import { createGraph } from "./graph.ts"
import { loadHnswlib } from "./hnswlib.ts"
import type { FromIndex, IndexFill, ToIndex } from "./index-messages.ts"
import { createLayeredIndex, type LayeredIndex } from "./layered-index.ts"

/**
 * The thread of one index. The calls of the index library are synchronous and would hold up the box; here they hold up searches
 * of one space, by at most `buildStepMs`. It keeps nothing: what it holds can be read again from SQLite at any time.
 */
declare const self: Worker

/** How long a search may have to wait for a step of building. */
const buildStepMs = 10

let index: LayeredIndex | undefined
let building = false

self.onmessage = (event: MessageEvent<ToIndex>) => handle(event.data)

function handle(message: ToIndex): void {
  switch (message.kind) {
    case "open":
      index = open(message.dimension, message.scannedMax)
      return
    case "apply":
      apply(message)
      return
    case "search":
      say({ kind: "found", id: message.id, ...opened().search(message.vector, message.count) })
      return
    case "stop":
      process.exit(0) // Of this thread alone.
      return
    default:
      unreachable(message)
  }
}

function open(dimension: number, scannedMax: number): LayeredIndex {
  const loaded = loadHnswlib()
  if (loaded.kind === "failed") {
    say({ kind: "opened", variant: "exact", note: loaded.why })
    return createLayeredIndex({ dimension, scannedMax, createGraph: undefined })
  }
  say({ kind: "opened", variant: `hnswlib ${loaded.variant}`, ...(loaded.note !== undefined && { note: loaded.note }) })
  return createLayeredIndex({ dimension, scannedMax, createGraph: () => createGraph(loaded.hnswlib, dimension) })
}

function apply(message: Extract<ToIndex, { kind: "apply" }>): void {
  const into = opened()
  const dimension = message.vectors.length / Math.max(1, message.added.length)
  for (const [place, label] of message.added.entries()) {
    if (!into.has(label)) into.add(label, message.vectors.subarray(place * dimension, (place + 1) * dimension))
  }
  for (const label of message.removed) into.remove(label)
  say({ kind: "applied", id: message.id, ...fill() })
  if (into.waiting > 0 && !building) {
    building = true
    setImmediate(build)
  }
}

/** One bounded step, then whatever messages came meanwhile, then the next. */
function build(): void {
  building = opened().build(buildStepMs)
  say({ kind: "built", ...fill() })
  if (building) setImmediate(build)
}

function fill(): IndexFill {
  return { faces: opened().size, waiting: opened().waiting }
}

function opened(): LayeredIndex {
  assert(index !== undefined, "an index is opened before it is used")
  return index
}

function say(message: FromIndex): void {
  self.postMessage(message)
}
