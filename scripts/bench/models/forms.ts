import type { ModelSet } from "../../../app/inference/manifest.ts"
import type { VariantName } from "./variants.ts"

/** A set with each of its networks in one form. */
export interface SetForm {
  readonly name: string
  /** Of the detector's and the landmarks' networks. */
  readonly finding: VariantName
  /** Of the embedders, in their order. */
  readonly embedding: readonly VariantName[]
}

/** As published, as served, and with what somebody brought in whole numbers: one embedder, all of them, everything. */
export function formsOf({ embedders }: ModelSet, hasInt8: boolean): SetForm[] {
  const all = (form: VariantName) => embedders.map(() => form)
  const whole = (["original", "prepared"] as const).map((form) => ({ name: form, finding: form, embedding: all(form) }))
  if (!hasInt8) return whole
  const one = embedders.map(({ manifest }, chosen): SetForm => {
    const embedding = embedders.map((_, at) => (at === chosen ? "int8" : "prepared") as VariantName)
    return { name: `int8 ${manifest.name}`, finding: "prepared", embedding }
  })
  const both: SetForm[] = embedders.length > 1 ? [{ name: "int8 embedders", finding: "prepared", embedding: all("int8") }] : []
  return [...whole, ...one, ...both, { name: "int8 throughout", finding: "int8", embedding: all("int8") }]
}

/** What a form was measured at. */
export interface Measurement {
  readonly form: string
  readonly ms: number
  /** Mean accuracy of the ten runs of pairs, 0 … 1. */
  readonly accuracy: number
}

/** One pair of 600, and what a sum of ten shares may be off by. */
export const lossMax = 1 / 600 + 1e-9

/** The fastest of the forms that is as accurate as the first one but for a pair. */
export function fastestWithin(measurements: readonly Measurement[]): Measurement | undefined {
  const [first] = measurements
  return measurements
    .filter(({ accuracy }) => accuracy >= (first?.accuracy ?? 0) - lossMax)
    .reduce<Measurement | undefined>((best, each) => (best === undefined || each.ms < best.ms ? each : best), undefined)
}
