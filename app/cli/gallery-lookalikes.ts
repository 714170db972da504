import type { Command } from "commander"
import type { Config } from "../config/config.ts"
import type { AlikePair } from "../gallery/alike.ts"
import { oddsAt, thresholdFor } from "../gallery/odds.ts"
import type { ModelSet } from "../inference/manifest.ts"
import { createJudge } from "../pipeline/judge.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext, OpenedGallery } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted, formatTable, startProgress } from "./terminal.ts"

interface LookalikesOptions extends BoxOptions {
  readonly threshold?: string
  readonly limit: string
}

/** Chance that any two strangers of the whole gallery come as near as those who are called one person. */
const oneByChanceRate = 0.01

export function lookalikesCommand(context: CliContext): Command {
  return jsonCommand(
    "lookalikes",
    "people so alike that one may be taken for the other, or who are there twice; 1 when there are any",
  )
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--data <folder>", "data folder (GATEHOUSE_DATA)")
    .option("--set <name>", "model set, or auto (GATEHOUSE_MODEL_SET)")
    .option("--threshold <similarity>", "from which similarity on; by itself that of a match at present")
    .option("--limit <pairs>", "the nearest so many", "100")
    .action(async (options: LookalikesOptions) => end(context, options, run(context, options)))
}

async function run(context: CliContext, options: LookalikesOptions): Promise<Outcome> {
  const limit = Number(options.limit)
  const given = options.threshold === undefined ? undefined : Number(options.threshold)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    return { kind: "failed", why: `--limit takes a whole number from 1 to 100000, not “${options.limit}”` }
  if (given !== undefined && !(given >= -1 && given <= 1))
    return { kind: "failed", why: `--threshold takes a similarity from -1 to 1, not “${options.threshold}”` }
  return withConfig(options, async (config) => {
    const set = await context.needs.locateSet(config)
    if (set.kind === "failed") return set
    const gallery = await context.needs.openGallery(config)
    if (gallery.kind !== "ok") return gallery
    try {
      const found = await look(context, gallery.value, set.value, config, { limit, given })
      if (options.json === true) printJson(context, found)
      else context.terminal.out(wordsOf(found))
      return { kind: found.pairs.length === 0 ? "yes" : "no" }
    } finally {
      await gallery.value.close()
    }
  })
}

type Found = Awaited<ReturnType<typeof look>>

async function look(
  { terminal }: CliContext,
  gallery: OpenedGallery,
  set: ModelSet,
  { recognition: { decisions } }: Config,
  { limit, given }: { readonly limit: number; readonly given: number | undefined },
) {
  const { space, calibration } = set.embedding
  const { curve } = calibration
  const facesSearched = () => gallery.facesSearched(space)
  const threshold = given ?? createJudge({ curve, options: decisions, facesSearched })({}).match
  using progress = startProgress(terminal, "faces", facesSearched())
  const { faces, pairs, cut } = await gallery.findAlike(space, {
    similarityMin: threshold,
    pairsMax: limit,
    progress: (count) => {
      for (let i = 0; i < count; i++) progress.step()
    },
  })
  const facePairs = (faces * (faces - 1)) / 2
  const oneFrom = thresholdFor(curve, oneByChanceRate, facePairs, 1)
  return {
    space,
    faces,
    threshold,
    /** Pairs of faces of strangers that would be as near by chance. */
    expectedByChance: oddsAt(curve, threshold, 1).falsePositiveRate * facePairs,
    cut,
    pairs: pairs.map(({ subjectIds, faceIds, similarity }: AlikePair) => ({
      similarity,
      likely: similarity >= oneFrom ? ("one_person" as const) : ("look_alikes" as const),
      people: subjectIds.map((subjectId, i) => ({
        subjectId,
        name: gallery.nameOf(subjectId) ?? "",
        faceId: faceIds[i] ?? "",
      })),
    })),
  }
}

function wordsOf({ faces, threshold, expectedByChance, cut, pairs }: Found): string {
  const from = `from similarity ${threshold.toFixed(4)} on`
  if (pairs.length === 0) return `${counted(faces, "face")}: no two people are alike ${from}`
  const rows = pairs.map(({ similarity, likely, people }) => [
    similarity.toFixed(4),
    likely === "one_person" ? "likely one person" : "look alike",
    ...people.map(({ name, subjectId }) => `${name} (${subjectId})`),
  ])
  const chance = expectedByChance < 0.01 ? "less than 0.01" : expectedByChance.toPrecision(2)
  return [
    `${counted(faces, "face")}: ${counted(pairs.length, "pair")} of people ${from}${cut ? ", the nearest of more" : ""}`,
    `(by chance ${chance} pairs of strangers' faces would be so near)`,
    formatTable(["similarity", "", "one", "the other"], rows),
  ].join("\n")
}
