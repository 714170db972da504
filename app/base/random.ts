/** Numbers that look random and are the same for the same seed: for draws that have to be repeatable, and for nothing secret. */

/** Even in 0 … 1, without 1 (the generator “mulberry32”). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Normal numbers of mean 0 and variance 1 from even ones, two at a time (Marsaglia's polar form of Box and Muller). */
export function createGauss(uniform: () => number): () => number {
  let kept: number | undefined
  return () => {
    if (kept !== undefined) {
      const value = kept
      kept = undefined
      return value
    }
    for (;;) {
      const x = 2 * uniform() - 1
      const y = 2 * uniform() - 1
      const square = x * x + y * y
      if (square >= 1 || square === 0) continue
      const factor = Math.sqrt((-2 * Math.log(square)) / square)
      kept = y * factor
      return x * factor
    }
  }
}

/** In an order of chance; a new array. */
export function shuffled<Item>(items: readonly Item[], uniform: () => number): Item[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1))
    const item = order[last] as Item
    order[last] = order[other] as Item
    order[other] = item
  }
  return order
}
