/** Labels of the nearest vectors, best first, with their cosines. */
export interface Neighbours {
  readonly labels: readonly number[]
  readonly similarities: readonly number[]
}

export const noNeighbours: Neighbours = { labels: [], similarities: [] }

/**
 * Unit vectors of one space under whole-number labels. What the gallery asks of an index library; exact or approximate, in
 * memory, and free to be thrown away and filled again.
 */
export interface VectorIndex {
  readonly size: number
  has(label: number): boolean
  /** The label must be new. */
  add(label: number, vector: Float32Array): void
  /** False when there was none. The next search does not find it. */
  remove(label: number): boolean
  /** At most `count`. */
  search(vector: Float32Array, count: number): Neighbours
}
