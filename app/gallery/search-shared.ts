import type { Neighbours, SharedIndexes } from "./shared-index.ts"

export interface SharedSearch {
  /** A unit vector. */
  readonly vector: Float32Array
  readonly count: number
  readonly width: number
  /** How many look through what has no graph yet; absent: the caller alone. */
  readonly threads?: number
  readonly members?: Float64Array
}

/** Made once and grown: a search writes its answer here. Each thread has its own. */
let numbers = new Float64Array(64)
let similarities = new Float32Array(64)

/** Searches in the thread that calls. */
export function searchShared(shared: SharedIndexes, index: number, asked: SharedSearch): Neighbours {
  const { vector, count, width, threads = 1, members } = asked
  if (numbers.length < count) {
    numbers = new Float64Array(count)
    similarities = new Float32Array(count)
  }
  const found =
    members === undefined
      ? shared.search(index, vector, count, width, threads, numbers, similarities)
      : shared.searchAmong(index, vector, count, members, numbers, similarities)
  return { labels: Array.from(numbers.subarray(0, found)), similarities: Array.from(similarities.subarray(0, found)) }
}
