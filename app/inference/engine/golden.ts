import type { Golden } from "../manifest.ts"

/** An output of a network: `data` in row-major order of `shape`. */
export interface OutputTensor {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

/**
 * The input of a known answer: the same values on every machine, evenly spread over `low` ≤ value < `high`.
 *
 * A 32-bit linear congruential generator, state ← state · 1664525 + 1013904223 (mod 2³²), starting at `seed`; the first value
 * is taken after one step. Of each state the upper 24 bits count (the lower ones of such a generator repeat early), and 24 bits
 * are what a float holds exactly.
 */
export function syntheticTensor(shape: readonly number[], seed: number, low: number, high: number): Float32Array {
  const values = new Float32Array(shape.reduce((product, side) => product * side, 1))
  let state = seed >>> 0
  for (let index = 0; index < values.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[index] = low + ((state >>> 8) / 2 ** 24) * (high - low)
  }
  return values
}

/**
 * How far `outputs` are from the known answer: the largest difference at the sampled places, in units of the largest known
 * |value| of that output. Compare it with `golden.tolerance`. Infinity when an output is missing, has another shape or is no number.
 */
export function goldenError(golden: Golden, outputs: Readonly<Record<string, OutputTensor>>): number {
  let worst = 0
  for (const [name, expected] of Object.entries(golden.outputs)) {
    const output = outputs[name]
    if (output === undefined || !sameShape(output.shape, expected.shape)) return Number.POSITIVE_INFINITY
    const largest = expected.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [index, value] of expected.values.entries()) {
      const difference = Math.abs((output.data[index * expected.stride] ?? Number.NaN) - value)
      if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
      // An output that is zero everywhere has no scale of its own: the difference itself counts.
      worst = Math.max(worst, largest === 0 ? difference : difference / largest)
    }
  }
  return worst
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, index) => side === b[index])
}
