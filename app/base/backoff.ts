export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * The pause before try number `failures + 1`: doubling from `firstMs` up to `maxMs`, with full jitter in the upper half so that
 * boxes that failed together do not come back together.
 */
export function nextDelayMs(failures: number, options: BackoffOptions, random: () => number = Math.random): number {
  if (failures <= 0) return 0
  const ceilingMs = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(failures - 1, 30))
  return ceilingMs / 2 + random() * (ceilingMs / 2)
}
