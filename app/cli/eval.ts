import type { Command } from "commander"
import type { Calibration } from "../inference/manifest.ts"
import type { Analyze } from "../pipeline/analyze.ts"
import { type BoxOptions, end, enginesCommand, printJson, withConfig } from "./command.ts"
import { evaluate } from "./eval/evaluate.ts"
import { evaluateOpenSet, openSetSizes, readSizes } from "./eval/open-set-command.ts"
import { formatOpenSet } from "./eval/open-set-report.ts"
import { type PairList, parsePairs } from "./eval/pairs.ts"
import { embedCentreFaces } from "./eval/pictures.ts"
import { formatEvaluation } from "./eval/report.ts"
import type { CliContext } from "./needs.ts"
import { withEngines } from "./opened-box.ts"
import type { Outcome } from "./outcome.ts"
import { startProgress } from "./terminal.ts"

interface EvalOptions extends BoxOptions {
  readonly pairs?: string
  readonly openSet?: true
  readonly sizes?: string
  readonly images: string
  readonly out?: string
}

export function evalCommand(context: CliContext): Command {
  return enginesCommand("eval", "measure a model set on photographs of yours (the face nearest the centre of each)")
    .requiredOption("--images <folder>", "the pictures: <folder>/<name>/<name>_0001.jpg; with --open-set of any name")
    .option("--pairs <file>", "tell pairs of them apart: a list in the format of LFW's pairs.txt")
    .option("--open-set", "known people and strangers at galleries of several sizes; synthetic people fill up the larger ones")
    .option("--sizes <numbers>", `with --open-set: how many are enrolled (default: "${openSetSizes.join()}")`)
    .option("--out <file>", "write the similarity of every pair, or the figures of the open set, to this JSON file")
    .action(async (options: EvalOptions) => end(context, options, run(context, options)))
}

async function run(context: CliContext, options: EvalOptions): Promise<Outcome> {
  const { pairs, openSet } = options
  if (openSet === true && pairs === undefined) return runOpenSet(context, options)
  if (openSet !== true && pairs !== undefined) return runPairs(context, options, pairs)
  return { kind: "failed", why: "say what to measure: --pairs <file> or --open-set, one of the two" }
}

async function runOpenSet(context: CliContext, options: EvalOptions): Promise<Outcome> {
  const sizes = options.sizes === undefined ? { kind: "ok" as const, value: openSetSizes } : readSizes(options.sizes)
  if (sizes.kind === "failed") return sizes
  return withConfig(options, (config) =>
    withEngines(config, context.needs, async ({ analyze, set }) => {
      const { terminal } = context
      const { decisions } = config.recognition
      const measured = await evaluateOpenSet({ analyze, set, terminal }, options.images, sizes.value, decisions)
      if (measured.kind === "failed") return measured
      const told = { set: set.name, space: set.embedding.space, ...measured.value }
      if (options.out !== undefined) await Bun.write(options.out, JSON.stringify(told, undefined, 1))
      if (options.json === true) printJson(context, told)
      else terminal.out(formatOpenSet(measured.value, set.name))
      return { kind: "yes" }
    }),
  )
}

async function runPairs(context: CliContext, options: EvalOptions, listPath: string): Promise<Outcome> {
  const file = Bun.file(listPath)
  if (!(await file.exists())) return { kind: "failed", why: `there is no list of pairs ${listPath}` }
  const list = parsePairs(await file.text())
  if (list.kind === "failed") return { kind: "failed", why: `${listPath}: ${list.why}` }
  return withConfig(options, (config) =>
    withEngines(config, context.needs, async ({ analyze, set }) => {
      const vectors = await embedListed(context, list.value, analyze, options.images)
      if (vectors.kind === "failed") return vectors
      const { calibration, space } = set.embedding
      const evaluation = evaluate(list.value, vectors.value, namedThresholds(calibration))
      const { pairs, ...figures } = evaluation
      if (options.out !== undefined) await Bun.write(options.out, JSON.stringify({ set: set.name, space, pairs }, undefined, 1))
      if (options.json === true) printJson(context, { set: set.name, space, pairs: pairs.length, ...figures })
      else context.terminal.out(formatEvaluation(evaluation, set.name))
      return { kind: "yes" }
    }),
  )
}

async function embedListed(context: CliContext, list: PairList, analyze: Analyze, folder: string) {
  const files = list.pictures.map((picture) => picture.file)
  using progress = startProgress(context.terminal, "pictures", files.length)
  return await embedCentreFaces(analyze, folder, files, progress.step)
}

/** What the box itself would decide by, at the rates that were observed. */
function namedThresholds({ curve }: Calibration): Record<string, number> {
  return Object.fromEntries(
    curve.filter((point) => point.extrapolated !== true).map((point) => [`calibrated FMR ${point.fmr}`, point.similarity]),
  )
}
