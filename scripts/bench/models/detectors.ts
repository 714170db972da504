import { cameraFrame } from "../support/pictures.ts"
import type { Figure } from "../support/results.ts"
import { judge, measureRecall, type Recall, widthsPx } from "./recall.ts"
import { timeByTurns } from "./speed.ts"
import type { OpenStages } from "./stages.ts"

/**
 * Prints how many of the faces that the first detector sees at full size each one finds by their size, and what a 1080p frame
 * costs it, for each smallest face that is wanted.
 * @param figures is given the milliseconds
 */
export async function printRecall(
  detectors: ReadonlyMap<string, OpenStages>,
  folders: readonly string[],
  wantedWidthsPx: readonly number[],
  repeats: number,
  figures: Figure[],
): Promise<Record<string, Recall>> {
  const [reference] = detectors.values()
  if (reference === undefined) throw new Error("no reference detector")
  const judged = await judge(reference, folders)
  const frame = await reference.decode((await cameraFrame()).jpeg)
  const ranges = widthsPx.slice(0, -1).map((from, at) => `${from}–${widthsPx[at + 1] === Infinity ? "" : widthsPx[at + 1]}`)
  const heading = `${"".padEnd(28)}${ranges.map((range) => range.padStart(9)).join("")}   others   ms p50, 1080p`
  console.log(`\nfaces found, of those ${[...detectors.keys()][0]} sees at full size, by width in px\n${heading}`)
  const recalls: Record<string, Recall> = {}
  for (const wanted of wantedWidthsPx) {
    const looks = [...detectors].map(([detector, stages]) => [detector, () => stages.detect(frame, wanted)] as const)
    const times = await timeByTurns(new Map(looks), repeats)
    for (const [detector, stages] of detectors) {
      const name = `${detector} from ${wanted} px`
      const { found, all, others } = await measureRecall(stages, judged, wanted)
      recalls[name] = { found, all, others }
      const cells = found.map((number, at) => (all[at] === 0 ? "–" : `${number}/${all[at]}`).padStart(9))
      const ms = times.get(detector)?.p50Ms ?? Number.NaN
      console.log(`${name.padEnd(28)}${cells.join("")}${`${others}`.padStart(9)}${ms.toFixed(1).padStart(11)}`)
      figures.push({ name, unit: "ms", better: "lower", gated: false, values: [ms] })
    }
  }
  return recalls
}
