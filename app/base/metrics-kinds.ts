import { Counter, Gauge, Histogram, type Registry } from "prom-client"
import { createRecent, type Recent, type RecentFigures } from "./recent.ts"

/** Label → every value it may have. What a caller can say in a label is never one of them. */
type Lists = Readonly<Record<string, readonly (string | number)[]>>
type LabelsOf<Given extends Lists | undefined> = Given extends Lists
  ? { readonly [Name in keyof Given]: Given[Name][number] }
  : undefined

/** For a label whose values are bounded by something else: the routes there are, the models of a set. */
export const otherTexts: readonly string[] = []
export const otherNumbers: readonly number[] = []

/** prom-client's own types know the names of labels; those here know what values they may have. */
export function createKinds(registry: Registry) {
  const registers = [registry]

  function counter<const Given extends Lists | undefined = undefined>(name: string, help: string, lists?: Given) {
    const labelNames = Object.keys(lists ?? {})
    const metric = new Counter({ name, help, labelNames, registers })
    // From 0 on: whoever collects these does not see the first increase of a row that was not there before.
    const [only, ...more] = Object.entries<readonly (string | number)[]>(lists ?? {})
    if (only !== undefined && more.length === 0) for (const value of only[1]) metric.inc({ [only[0]]: value }, 0)
    return withValues(metric) as unknown as CounterOf<LabelsOf<Given>>
  }

  function gauge<const Given extends Lists | undefined = undefined>(name: string, help: string, lists?: Given) {
    const metric = new Gauge({ name, help, labelNames: Object.keys(lists ?? {}), registers })
    return withValues(metric) as unknown as GaugeOf<LabelsOf<Given>>
  }

  function seconds<const Given extends Lists | undefined = undefined>(name: string, help: string, lists?: Given) {
    const labelNames = Object.keys(lists ?? {})
    return withRecent<LabelsOf<Given>>(new Histogram({ name, help, labelNames, buckets: secondsBuckets, registers }))
  }

  return { counter, gauge, seconds }
}

/** Bounds in seconds: a stage takes from half a millisecond (search) to seconds (a box in trouble). */
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** By the values of the labels (`decode`, `grow wait`); `all` where there is no label. */
type ByLabels<Value> = Readonly<Record<string, Value>>

export interface CounterOf<Labels> {
  values(): Promise<ByLabels<number>>
  inc(...labels: Labels extends undefined ? [value?: number] : [labels: Labels, value?: number]): void
}
export interface GaugeOf<Labels> {
  values(): Promise<ByLabels<number>>
  set(...value: Labels extends undefined ? [value: number] : [labels: Labels, value: number]): void
  inc(...labels: Labels extends undefined ? [] : [labels: Labels]): void
  dec(...labels: Labels extends undefined ? [] : [labels: Labels]): void
}
export interface HistogramOf<Labels> {
  observe(...value: Labels extends undefined ? [seconds: number] : [labels: Labels, seconds: number]): void
  /** What the newest ones were like. */
  recent(): ByLabels<RecentFigures>
}

/** As many rows as the labels have values, so as bounded as they are. */
function withRecent<Labels>(histogram: Histogram): HistogramOf<Labels> {
  const rows = new Map<string, Recent>()
  return {
    observe(...given: [number] | [Record<string, string | number>, number]) {
      const [labels, seconds] = given.length === 1 ? [{}, given[0]] : given
      histogram.observe(labels, seconds)
      const key = keyOf(labels)
      const row = rows.get(key) ?? createRecent()
      rows.set(key, row)
      row.add(seconds * 1000)
    },
    recent() {
      const figures = [...rows].flatMap(([key, row]): [string, RecentFigures][] => {
        const known = row.figures()
        return known === undefined ? [] : [[key, known]]
      })
      return Object.fromEntries(figures)
    },
  } as HistogramOf<Labels>
}

/** The values by the values of the labels, and only those that ever came up. */
function withValues<Kind extends Counter | Gauge>(metric: Kind) {
  const values = async () => {
    const { values } = await metric.get()
    return Object.fromEntries(values.map(({ labels, value }) => [keyOf(labels), value]))
  }
  return Object.assign(metric, { values })
}

function keyOf(labels: Readonly<Partial<Record<string, string | number>>>): string {
  return Object.values(labels).join(" ") || "all"
}
