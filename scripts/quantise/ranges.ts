/** Where the values of one place in a network lie. */
export interface Range {
  readonly low: number
  readonly high: number
}

/** A value in eight bits: `scale · (byte − zero)`. */
export interface Steps {
  readonly scale: number
  readonly zero: number
}

/** Values seen in one place, counted by size. */
export interface Histogram {
  add(values: Float32Array): void
  /** The range outside which at most this share of the values lies, on either side. */
  within(share: number): Range
}

const bins = 4096
/** Not every value is counted: this leap has no factor in common with the sides of pictures. */
const leap = 7

/** Smallest and largest of the values and of what was seen before. */
export function widen({ low, high }: Range, values: Float32Array): Range {
  let [lowest, highest] = [low, high]
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    if (value < lowest) lowest = value
    if (value > highest) highest = value
  }
  return { low: lowest, high: highest }
}

/** @param range holds all values that will be added */
export function createHistogram({ low, high }: Range): Histogram {
  const counts = new Float64Array(bins)
  const binWidth = (high - low) / bins
  let all = 0
  return {
    add(values) {
      for (let at = 0; at < values.length; at += leap) {
        const bin = binWidth > 0 ? Math.floor((values[at]! - low) / binWidth) : 0
        counts[Math.min(bins - 1, Math.max(0, bin))]! += 1
        all += 1
      }
    },
    within(share) {
      if (share === 0) return { low, high }
      let [first, last] = [0, bins - 1]
      for (let outside = counts[first]!; first < last && outside <= share * all; outside += counts[first]!) first += 1
      for (let outside = counts[last]!; last > first && outside <= share * all; outside += counts[last]!) last -= 1
      return { low: low + first * binWidth, high: low + (last + 1) * binWidth }
    },
  }
}

/** 255 steps over the range, one of them at exactly nought: borders are filled with it, and ReLU cuts there. */
export function stepsFor({ low, high }: Range): Steps {
  const [from, to] = [Math.min(0, low), Math.max(0, high)]
  const scale = to > from ? (to - from) / 255 : 1
  return { scale, zero: Math.min(255, Math.max(0, Math.round(-from / scale))) }
}
