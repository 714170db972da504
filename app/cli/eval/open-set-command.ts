import { relative } from "node:path"
import type { Result } from "../../base/result.ts"
import { listPeople } from "../../enrolment/folder.ts"
import { oddsAt, thresholdFor } from "../../gallery/odds.ts"
import type { ModelSet } from "../../inference/manifest.ts"
import type { Analyze } from "../../pipeline/analyze.ts"
import type { DecisionOptions } from "../../pipeline/options.ts"
import { startProgress, type Terminal } from "../terminal.ts"
import { measureOpenSet, type OpenSet } from "./open-set.ts"
import type { ListedPicture } from "./pairs.ts"
import { embedCentreFaces } from "./pictures.ts"

const rates = [0.01, 0.003]
export const openSetSizes: readonly number[] = [100, 1000, 10_000, 100_000]

/** Beyond it a run would take minutes and say nothing new. */
export const openSetSizeMax = 1_000_000
const peopleMin = 20

/** A comma between them, as `--sizes` takes them. */
export function readSizes(text: string): Result<readonly number[]> {
  const sizes = text.split(",").map(Number)
  return sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= openSetSizeMax)
    ? { kind: "ok", value: sizes }
    : { kind: "failed", why: `--sizes takes whole numbers from 1 to ${openSetSizeMax} with commas between them, not “${text}”` }
}

/** Embeds all pictures of `<folder>/<person>/` and asks each of them at galleries of these sizes. */
export async function evaluateOpenSet(
  { analyze, set, terminal }: { readonly analyze: Analyze; readonly set: ModelSet; readonly terminal: Terminal },
  folder: string,
  sizes: readonly number[],
  decisions: DecisionOptions,
): Promise<Result<OpenSet>> {
  const people = await listPeople(folder)
  if (people.kind === "failed") return people
  const pictures = people.value.flatMap(({ name, files }) =>
    files.map((file): ListedPicture => ({ person: name, file: relative(folder, file) })),
  )
  if (people.value.length < peopleMin || people.value.every(({ files }) => files.length < 2)) {
    const why = `${folder} shows ${people.value.length} people: at least ${peopleMin} are needed, some of them with two pictures or more`
    return { kind: "failed", why }
  }
  const vectors = await embedAll(analyze, terminal, folder, pictures)
  if (vectors.kind === "failed") return vectors

  const { curve } = set.embedding.calibration
  using progress = startProgress(terminal, "synthetic people", 100)
  let shown = 0
  const value = measureOpenSet({
    pictures,
    vectors: vectors.value,
    sizes,
    rates,
    thresholdOf: (rate, size) => {
      const threshold = thresholdFor(curve, rate, size, decisions.falseMatchRateMax)
      return { threshold, extrapolated: oddsAt(curve, threshold, size).extrapolated }
    },
    progress: (share) => {
      for (; shown < Math.floor(share * 100); shown++) progress.step()
    },
  })
  return { kind: "ok", value }
}

async function embedAll(analyze: Analyze, terminal: Terminal, folder: string, pictures: readonly ListedPicture[]) {
  using progress = startProgress(terminal, "pictures", pictures.length)
  const files = pictures.map(({ file }) => file)
  return await embedCentreFaces(analyze, folder, files, progress.step)
}
