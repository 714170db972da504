/** Stops at a broken promise of our own code. Never for outside input: that is parsed and answered. */
export function assert(holds: unknown, promise: string): asserts holds {
  if (!holds) throw new Error(`broken promise: ${promise}`)
}

/** Closes a `switch` over a `kind`, so that a new outcome is a type error at each place that has to think again. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
