import { assert } from "../base/assert.ts"
import type { Graph } from "./graph.ts"
import { createBest, createScan } from "./scan.ts"
import { type Neighbours, noNeighbours, type VectorIndex } from "./vector-index.ts"

export interface LayeredIndex extends VectorIndex {
  /** Faces that are still compared one by one, and will be moved into the graph. */
  readonly waiting: number
  /** Moves waiting faces into the graph for about `budgetMs`. True while there are more. */
  build(budgetMs: number): boolean
}

export interface LayeredIndexOptions {
  readonly dimension: number
  /** Up to so many faces there is no graph: comparing with all is exact and as fast. */
  readonly scannedMax: number
  /** Absent when the library does not load: then everything is compared, exactly and slowly. */
  readonly createGraph: (() => Graph) | undefined
}

/** A graph with this many dead slots is made anew once they outnumber the living. */
const deletedMin = 1024

/**
 * New faces are found at once by comparing, and move into the graph when there is time: an insertion costs as much as a search.
 * So an index that was just filled answers exactly from the first moment, and gets faster while it is being built.
 */
export function createLayeredIndex(options: LayeredIndexOptions): LayeredIndex {
  let scan = createScan(options.dimension)
  let graph: Graph | undefined

  const size = () => scan.size + (graph?.size ?? 0)
  const waiting = () => (options.createGraph !== undefined && size() > options.scannedMax ? scan.size : 0)

  function buildOne(): void {
    graph ??= options.createGraph?.()
    const face = scan.take()
    assert(face !== undefined && graph !== undefined, "something waits for a graph")
    graph.add(face.label, face.vector)
    // The room that all faces took while they waited is given back.
    if (scan.size === 0) scan = createScan(options.dimension)
  }

  /** hnswlib only hides what is deleted. Walking around many hidden ones is slow, and they hold memory. */
  function startAnew(old: Graph): void {
    graph = undefined
    for (const label of old.labels) scan.add(label, old.vectorOf(label))
  }

  return {
    get size() {
      return size()
    },
    get waiting() {
      return waiting()
    },
    has: (label) => scan.has(label) || (graph?.has(label) ?? false),
    add: (label, vector) => scan.add(label, vector),
    remove(label) {
      if (scan.remove(label)) return true
      const removed = graph?.remove(label) ?? false
      if (graph !== undefined && graph.deleted >= deletedMin && graph.deleted > graph.size) startAnew(graph)
      return removed
    },
    search(vector, count) {
      const scanned = scan.search(vector, count)
      const walked = graph?.search(vector, count) ?? noNeighbours
      return merge(scanned, walked, count)
    },
    build(budgetMs) {
      const untilTickMs = performance.now() + budgetMs
      while (waiting() > 0 && performance.now() < untilTickMs) buildOne()
      return waiting() > 0
    },
  }
}

function merge(a: Neighbours, b: Neighbours, count: number): Neighbours {
  if (b.labels.length === 0) return a
  if (a.labels.length === 0) return b
  const best = createBest(count)
  for (const { labels, similarities } of [a, b]) {
    for (const [place, label] of labels.entries()) {
      const similarity = similarities[place] ?? Number.NEGATIVE_INFINITY
      if (similarity > best.floor()) best.offer(label, similarity)
    }
  }
  return best.neighbours()
}
