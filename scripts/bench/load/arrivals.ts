import { createRandom } from "../support/statistics.ts"

export type ArrivalProcess = "poisson" | "fixed"

/**
 * When requests are due, in milliseconds from the start. Poisson: independent callers, with bursts and pauses as they come.
 * Fixed: one every 1/rate seconds.
 */
export function arrivalsMs(process: ArrivalProcess, ratePerSecond: number, seconds: number, seed: number): Float64Array {
  const gapMs = 1000 / ratePerSecond
  if (process === "fixed")
    return Float64Array.from({ length: Math.floor(ratePerSecond * seconds) }, (_, index) => index * gapMs)
  const random = createRandom(seed)
  const due: number[] = []
  for (let atMs = next(0); atMs < seconds * 1000; atMs = next(atMs)) due.push(atMs)
  return Float64Array.from(due)

  function next(atMs: number): number {
    return atMs - Math.log(1 - random()) * gapMs
  }
}

/** `recognise=8,search=1` as shares, each drawn with its own weight. */
export function createDraw<Name extends string>(shares: Readonly<Record<Name, number>>, seed: number): () => Name {
  const random = createRandom(seed)
  const names = Object.keys(shares) as Name[]
  const total = names.reduce((sum, name) => sum + shares[name], 0)
  return () => {
    let at = random() * total
    for (const name of names) {
      at -= shares[name]
      if (at < 0) return name
    }
    return names.at(-1)!
  }
}
