/** What the newest of many durations were like. */
export interface RecentFigures {
  /** All there ever were, not only the newest. */
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly maxMs: number
}

export interface Recent {
  add(ms: number): void
  /** `undefined` before the first one. */
  figures(): RecentFigures | undefined
}

/** Enough for a p95 that means something, and gone from it within seconds of a box at work. */
const keptCount = 512

/** Keeps the newest durations: histograms are for whoever collects them over time, and their buckets are coarse. */
export function createRecent(): Recent {
  const kept = new Float64Array(keptCount)
  let count = 0
  return {
    add(ms) {
      kept[count % keptCount] = ms
      count += 1
    },
    figures() {
      if (count === 0) return undefined
      const sorted = kept.slice(0, Math.min(count, keptCount)).sort()
      const at = (share: number) => rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0)
      return { count, p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) }
    },
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
