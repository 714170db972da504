import { type Compared, type Comparison, pairsWanted } from "./verdict.ts"

/** For a terminal: one line for each figure, those that can fail the comparison first. */
export function printComparison({ figures, missing }: Compared): void {
  const rows = figures.toSorted((a, b) => Number(b.gated) - Number(a.gated)).map(rowOf)
  const head = ["figure", "before", "after", "change for the worse", "95 % interval", "pairs", "verdict"]
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  for (const row of [head, ...rows])
    console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "))
  for (const name of missing) console.log(`${name}: only one side has it; not compared`)
  if (figures.some(({ pairs }) => pairs < pairsWanted))
    console.log(`fewer than ${pairsWanted} pairs say little of the noise: repeat with more rounds`)
}

function rowOf({ name, unit, gated, before, after, change, interval, pairs, verdict }: Comparison): string[] {
  const digits = unit === "share" || unit === "ratio" ? 4 : 2
  const percent = (share: number) => `${share > 0 ? "+" : ""}${(share * 100).toFixed(1)} %`
  return [
    name,
    `${before.toFixed(digits)} ${unit}`,
    `${after.toFixed(digits)} ${unit}`,
    percent(change),
    `${percent(interval.low)} … ${percent(interval.high)}`,
    String(pairs),
    gated ? verdict : `(${verdict})`,
  ]
}
