/** Labels of the nearest vectors, best first, with their cosines. A label is the number of a face. */
export interface Neighbours {
  readonly labels: readonly number[]
  readonly similarities: readonly number[]
}

export interface IndexCounts {
  /** Vectors that ever came. */
  readonly size: number
  /** How many of them are in the graph. */
  readonly built: number
  /** How many of them have been removed, of the graph or not. */
  readonly dead: number
  /** Nodes of a loaded graph whose faces were removed before. */
  readonly gone: number
}

/**
 * What our part of the addon offers (scripts/native): indexes that live in the memory of the process, known by their number to
 * every thread. One thread appends and removes, one builds, any number search. Each call blocks its thread. All throw when the
 * index is closed, or told something impossible.
 */
export interface SharedIndexes {
  /** @returns the index's number. `keepsFloats`: whether similarities are exact; without it memory is a quarter. */
  create(dimension: number, keepsFloats: boolean, links: number, buildWidth: number): number
  close(index: number): void
  /** Numbers rise, from call to call as well. `vectors` holds one unit vector for each, one after another. Found from now on. */
  append(index: number, numbers: Float64Array, vectors: Float32Array): void
  /** False when there was none. The very next search does not find it. */
  remove(index: number, number: number): boolean
  has(index: number, number: number): boolean
  counts(index: number): IndexCounts
  /**
   * The nearest, best first, into the two arrays; returns how many. What is not in the graph yet is compared one by one, by
   * `threads` of the processor.
   */
  search(
    index: number,
    vector: Float32Array,
    count: number,
    width: number,
    threads: number,
    numbers: Float64Array,
    similarities: Float32Array,
  ): number
  /** Among `members` alone, each of them (any order; unknown ones are passed over). */
  searchAmong(
    index: number,
    vector: Float32Array,
    count: number,
    members: Float64Array,
    numbers: Float64Array,
    similarities: Float32Array,
  ): number
  /** Moves vectors into the graph for about `budgetMs`, and wipes what was removed. True while there is more to do. */
  build(index: number, threads: number, budgetMs: number): boolean
  tidy(index: number): void
  /** The graph without its vectors; empty when there is none. */
  saveLinks(index: number): Uint8Array
  /** An index without a graph takes over a saved one; returns why not, or nothing. Every vector is compared with what was saved. */
  loadLinks(index: number, bytes: Uint8Array): string
  /** The calling thread lets all others go first from now on. */
  yieldToOthers(): void
}

/**
 * Links of a node and width of the search while building. Measured on 100,000 modelled faces of 320 numbers: 16 and 200 need a
 * search half as wide again for the same recall; richer ones only cost memory.
 */
export const linksPerNode = 24
export const buildWidth = 300

/**
 * How widely a graph of so many faces is searched for the nearest `count`. For five: recall of the first above .999 and of the five
 * above .995. For thirty, which show five people: those five as by comparing all above .995 (docs/performance.md).
 */
export function searchWidthFor(faces: number, count: number): number {
  const forFew = faces <= 150_000 ? 96 : faces <= 400_000 ? 128 : 256
  return Math.max(forFew, widthForEach * count)
}
const widthForEach = 6

/**
 * Up to so many faces there is no graph: comparing with all is exact and takes no longer. Measured with 320 numbers: 0.11 ms for
 * 10,000, a walk through a graph of as many 0.13 ms (docs/performance.md).
 */
export const scannedMaxDefault = 10_000

/**
 * From so many faces on only their codes stay in memory, a quarter of the floats (10 million of 192 numbers: 2.1 GB by 9.8), and
 * the floats of the best are read from the disk.
 */
export const floatsKeptMaxDefault = 2_000_000
