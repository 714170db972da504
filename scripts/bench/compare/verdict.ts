import type { BenchResult, Figure } from "../support/results.ts"
import { type Interval, median, medianInterval } from "../support/statistics.ts"

/**
 * How two builds compare in one figure. Values are paired in their order: the first of the one with the first of the other,
 * which ran next to it. For each pair the change is taken (the ratio for times and throughput, the difference for rates), and
 * the median of the changes is the verdict's figure; a bootstrap of the pairs tells within which interval it would have come
 * out another day.
 *
 * - `worse`: the median is worse by more than the limit, and the whole interval lies on the worse side of no change
 * - `unclear`: worse by more than the limit, but so do runs of one build differ among themselves: take more pairs
 * - `same`: neither
 * - `better`: better by more than the limit, with the whole interval on the better side
 */
export type Verdict = "worse" | "unclear" | "same" | "better"

export interface Comparison {
  readonly name: string
  readonly unit: Figure["unit"]
  readonly gated: boolean
  readonly before: number
  readonly after: number
  readonly pairs: number
  /** Above 0 is worse, whichever way the figure counts; a share of the figure before, or of 1 for rates. */
  readonly change: number
  readonly interval: Interval
  readonly verdict: Verdict
}

/** More than this is a regression. */
const changeMax = 0.05
/** A rate that was zero has no percentage: up to one request in a thousand more is no regression. */
const rateChangeMax = 0.001
/** With fewer pairs the interval is that of the pairs at hand, and the table says so. */
export const pairsWanted = 5

export interface Compared {
  readonly figures: readonly Comparison[]
  /** Figures that only one side has. */
  readonly missing: readonly string[]
}

/** All figures of two builds, each given by one result or by a list of results in the order they were taken. */
export function compareResults(before: readonly BenchResult[], after: readonly BenchResult[]): Compared {
  const [old, fresh] = [collect(before), collect(after)]
  const names = new Set([...old.keys(), ...fresh.keys()])
  const figures: Comparison[] = []
  const missing: string[] = []
  for (const name of names) {
    const [one, other] = [old.get(name), fresh.get(name)]
    if (one === undefined || other === undefined) missing.push(name)
    else figures.push(compareFigure(one, other))
  }
  return { figures, missing }
}

/** Values of one figure, file after file. */
function collect(results: readonly BenchResult[]): Map<string, Figure> {
  const figures = new Map<string, Figure>()
  for (const figure of results.flatMap((result) => result.figures)) {
    const known = figures.get(figure.name)
    figures.set(figure.name, known === undefined ? figure : { ...known, values: [...known.values, ...figure.values] })
  }
  return figures
}

export function compareFigure(before: Figure, after: Figure): Comparison {
  const pairs = Math.min(before.values.length, after.values.length)
  const sign = before.better === "lower" ? 1 : -1
  const isRate = before.unit === "share"
  const changes = Array.from({ length: pairs }, (_, pair) => {
    const [old, fresh] = [before.values[pair]!, after.values[pair]!]
    // The logarithm: twice as fast and half as fast are equally far from no change.
    return isRate ? fresh - old : sign * Math.log(fresh / old)
  })
  const toChange = (change: number) => (isRate ? change : Math.expm1(change))
  const change = toChange(median(changes))
  const drawn = medianInterval(changes)
  const interval = { low: toChange(drawn.low), high: toChange(drawn.high) }
  const limit = isRate ? Math.max(rateChangeMax, changeMax * median(before.values)) : changeMax
  const { name, unit, gated } = before
  const [old, fresh] = [median(before.values), median(after.values)]
  return { name, unit, gated, before: old, after: fresh, pairs, change, interval, verdict: judge(change, interval, limit) }
}

function judge(change: number, interval: Interval, limit: number): Verdict {
  if (change > limit) return interval.low > 0 ? "worse" : "unclear"
  return change < -limit && interval.high < 0 ? "better" : "same"
}

/** Whether a build may replace the other. */
export function passes({ figures }: Compared): boolean {
  return !figures.some(({ gated, verdict }) => gated && verdict === "worse")
}
