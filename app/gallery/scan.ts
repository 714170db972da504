import { assert } from "../base/assert.ts"
import type { Neighbours, VectorIndex } from "./vector-index.ts"

const slotsMin = 64

export interface Scan extends VectorIndex {
  /** Takes one vector out, whichever is cheapest; `undefined` when there is none. */
  take(): { readonly label: number; readonly vector: Float32Array } | undefined
}

/** Compares with every vector: exact, and nothing to build. 2,000 × 256 floats take 0.2 ms. */
export function createScan(dimension: number): Scan {
  const slotOf = new Map<number, number>()
  let labels = new Float64Array(slotsMin)
  let vectors = new Float32Array(slotsMin * dimension)

  function grow(): void {
    const largerLabels = new Float64Array(labels.length * 2)
    const largerVectors = new Float32Array(vectors.length * 2)
    largerLabels.set(labels)
    largerVectors.set(vectors)
    labels = largerLabels
    vectors = largerVectors
  }

  function remove(label: number): boolean {
    const slot = slotOf.get(label)
    if (slot === undefined) return false
    // The last one moves into the gap, and its old place is cleared: a deleted face is not kept in memory either.
    const last = slotOf.size - 1
    const lastLabel = labels[last] ?? 0
    vectors.copyWithin(slot * dimension, last * dimension, (last + 1) * dimension)
    vectors.fill(0, last * dimension, (last + 1) * dimension)
    labels[slot] = lastLabel
    slotOf.set(lastLabel, slot)
    slotOf.delete(label)
    return true
  }

  return {
    get size() {
      return slotOf.size
    },
    has: (label) => slotOf.has(label),
    remove,
    take() {
      if (slotOf.size === 0) return undefined
      const last = slotOf.size - 1
      const label = labels[last] ?? 0
      const vector = vectors.slice(last * dimension, (last + 1) * dimension)
      remove(label)
      return { label, vector }
    },
    add(label, vector) {
      assert(!slotOf.has(label), "a label is added once")
      const slot = slotOf.size
      if (slot === labels.length) grow()
      labels[slot] = label
      vectors.set(vector, slot * dimension)
      slotOf.set(label, slot)
    },
    search(vector, count) {
      const best = createBest(count)
      for (let slot = 0; slot < slotOf.size; slot++) {
        const similarity = dotAt(vector, vectors, slot * dimension)
        if (similarity > best.floor()) best.offer(labels[slot] ?? 0, similarity)
      }
      return best.neighbours()
    },
  }
}

/** Four sums side by side: the processor adds them in parallel, 3 times as fast as one sum. `query.length` may be any number. */
export function dotAt(query: Float32Array, vectors: Float32Array, offset: number): number {
  const whole = query.length & ~3
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (let i = 0; i < whole; i += 4) {
    a += (query[i] as number) * (vectors[offset + i] as number)
    b += (query[i + 1] as number) * (vectors[offset + i + 1] as number)
    c += (query[i + 2] as number) * (vectors[offset + i + 2] as number)
    d += (query[i + 3] as number) * (vectors[offset + i + 3] as number)
  }
  for (let i = whole; i < query.length; i++) a += (query[i] as number) * (vectors[offset + i] as number)
  return a + b + (c + d)
}

/** Keeps the `count` best of what it is offered, sorted; `count` is small against the number of offers. */
export function createBest(count: number) {
  const labels: number[] = []
  const similarities: number[] = []
  return {
    /** What is not above it need not be offered. */
    floor: () => (similarities.length < count ? Number.NEGATIVE_INFINITY : (similarities.at(-1) ?? Number.POSITIVE_INFINITY)),
    offer(label: number, similarity: number): void {
      let place = similarities.length
      while (place > 0 && (similarities[place - 1] ?? 0) < similarity) place--
      similarities.splice(place, 0, similarity)
      labels.splice(place, 0, label)
      if (similarities.length > count) {
        similarities.pop()
        labels.pop()
      }
    },
    neighbours: (): Neighbours => ({ labels, similarities }),
  }
}
