import { createRandom } from "../../app/base/random.ts"

/** Time and chance of a simulated site: whatever happens, happens in one order that the seed decides. */
export interface World {
  nowMs(): number
  /** Even in 0 … 1. */
  random(): number
  /** A whole number below. */
  below(count: number): number
  chance(probability: number): boolean
  at(delayMs: number, action: () => void): void
  sleep(delayMs: number): Promise<void>
  /** Lets things happen until there is nothing left, or it is so late. */
  run(untilMs?: number): Promise<void>
}

interface Planned {
  readonly atMs: number
  /** Of two at one time the first planned is first. */
  readonly order: number
  readonly action: () => void
}

export function createWorld(seed: number, startMs: number): World {
  const random = createRandom(seed)
  const heap: Planned[] = []
  let nowMs = startMs
  let planned = 0

  const world: World = {
    nowMs: () => nowMs,
    random,
    below: (count) => Math.floor(random() * count),
    chance: (probability) => random() < probability,
    at: (delayMs, action) => push(heap, { atMs: nowMs + delayMs, order: planned++, action }),
    sleep: (delayMs) => new Promise((resolve) => world.at(delayMs, resolve)),
    async run(untilMs = Number.POSITIVE_INFINITY) {
      await turn()
      for (let next = heap[0]; next !== undefined && next.atMs <= untilMs; next = heap[0]) {
        pop(heap)
        nowMs = next.atMs
        next.action()
        // Whoever was woken goes on until it waits again, before anything else happens.
        await turn()
      }
      if (untilMs < Number.POSITIVE_INFINITY) nowMs = untilMs
    },
  }
  return world
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

const isBefore = (a: Planned, b: Planned) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

function push(heap: Planned[], item: Planned): void {
  let at = heap.length
  heap.push(item)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]!
    if (!isBefore(item, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = item
}

function pop(heap: Planned[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
