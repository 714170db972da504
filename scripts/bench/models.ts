/**
 * What each network costs and what its faster form loses: as published, as prepared (what the engines run), and in whole numbers
 * where `scripts/quantise.ts` made such files. Milliseconds at one thread on the tensors of a 1080p frame with one face, frames a
 * second of two processes, the smallest cosine with the published outputs on real faces, accuracy on the 600 pairs of LFW; the
 * same of whole sets; then how many faces each detector finds by their size.
 *
 *   bun scripts/bench/models.ts                                 # about five minutes
 *   bun scripts/quantise.ts && bun scripts/bench/models.ts --int8 .cache/int8
 *   bun scripts/bench/models.ts --measure speed                 # a minute, on a machine that is quiet for so long
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { evaluate, type Vectors } from "../../app/cli/eval/evaluate.ts"
import { parsePairs } from "../../app/cli/eval/pairs.ts"
import type { FloatTensor, Network } from "../../app/inference/engine/ort.ts"
import type { LocatedModel, ModelSet } from "../../app/inference/manifest.ts"
import { locateSet } from "../photographs.ts"
import { printRecall } from "./models/detectors.ts"
import { createComparison, embedForms, fusedVectors, type VectorsOf } from "./models/faces.ts"
import { fastestWithin, formsOf, lossMax, type Measurement, type SetForm } from "./models/forms.ts"
import type { Recall } from "./models/recall.ts"
import { type Part, rateOfTwo, timeForms } from "./models/speed.ts"
import { type OpenStages, openStages } from "./models/stages.ts"
import { filesOf, openVariant, readVariants, type VariantName, variantNames } from "./models/variants.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, positive, readOptions } from "./support/options.ts"
import { cameraFrame } from "./support/pictures.ts"
import { type Figure, printTargets, type Target, writeResult } from "./support/results.ts"

const usage = `models [--repeats 40] [--faces 100] [--seconds 2] [--int8 FOLDER] [--measure speed,accuracy,recall] [--out .cache/bench/models.json]
  --repeats N   passes of each form, by turns
  --faces N     photographs on which outputs are compared
  --seconds N   of each two-process run
  --int8 DIR    networks in whole numbers under the names of the files they stand for
  --measure …   some of the three`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    Object.fromEntries(
      ["repeats", "faces", "seconds", "int8", "measure", "out"].map((name) => [name, { type: "string" as const }]),
    ),
    z.strictObject({
      repeats: count.default(40),
      faces: count.default(100),
      seconds: positive.default(2),
      int8: z.string().optional(),
      measure: z
        .string()
        .default("speed,accuracy,recall")
        .transform((text) => text.split(","))
        .pipe(z.array(z.enum(["speed", "accuracy", "recall"]))),
      out: z.string().default(".cache/bench/models.json"),
    }),
  ),
  usage,
)

/** The usual smallest face of a camera, of an enrolment, and of a gate. */
const wantedWidthsPx = [48, 32, 80]
const usualWidthPx = 48
const cosineMin = 0.99999
/** False accept rate at which a loss shows that the ten runs of pairs do not tell. */
const strictRate = 1e-3

/** Shares of the 600 pairs judged rightly, and of the 300 pairs of one person accepted at the strict rate. */
interface Accuracy {
  readonly mean: number
  readonly accepted: number
}

const photographs = resolve(projectRoot, "../shared/data")
const timed = options.measure.includes("speed")
const judged = options.measure.includes("accuracy")
const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
const sets = await Promise.all(["better", "light", "default", "mtcnn"].map(locateSet))
const measured = await readVariants(sets, options.int8)
const networks = new Map<string, Map<VariantName, Network>>()
for (const { file, variants } of measured) {
  const opened = new Map<VariantName, Network>()
  for (const variant of variants) opened.set(variant.name, await openVariant(variant))
  networks.set(file, opened)
}

const list = await readPairs()
/** Tensors of one frame, by file: what the first set that uses it gave it. */
const frameInputs = new Map<string, FloatTensor[]>()
const comparison = createComparison(networks)
/** Accuracy of each embedder by itself, by file and form, and of whole sets, by set and form. */
const accuracyAlone = new Map<string, Map<VariantName, Accuracy>>()
const accuracyTogether = new Map<string, Map<string, Accuracy>>()
for (const set of timed || judged ? sets : []) {
  const floats = await lookAt(set)
  if (floats === undefined) continue
  const whole = options.int8 === undefined ? undefined : await embedBy(set, "int8")
  const forms = formsOf(set, whole !== undefined)
  const vectorsOf = ({ finding, embedding }: SetForm) =>
    fusedVectors(set, finding === "int8" ? (whole ?? floats) : floats, embedding)
  accuracyTogether.set(set.name, new Map(forms.map((form) => [form.name, accuracyOf(vectorsOf(form))])))
  for (const [file, byForm] of floats) {
    if (accuracyAlone.has(file)) continue
    accuracyAlone.set(file, new Map([...byForm].map(([name, vectors]) => [name, accuracyOf(vectors)])))
  }
}

const folder = await mkdtemp(join(tmpdir(), "gatehouse-models-"))
const figures: Figure[] = []
const fastest = new Map<string, Measurement | undefined>()
if (timed || judged) {
  await printNetworks()
  await printSets()
}
await rm(folder, { recursive: true })

const recall = options.measure.includes("recall") ? await lookForFaces() : {}
const targets = targetsOf()
const details = {
  cosines: nested(comparison.smallest),
  accuracyAlone: nested(accuracyAlone),
  accuracyTogether: nested(accuracyTogether),
  recall,
}
console.log(await writeResult(options.out, { kind: "models", startedAt, machine, options, figures, targets, details }))
printTargets(targets)
process.exit(targets.every(({ met }) => met) ? 0 : 1)

async function printNetworks(): Promise<void> {
  heading("network", "cosine ≥")
  for (const { file, variants } of measured) {
    const forms = new Map(variants.map(({ name }) => [name as string, [partOf(file, name)]]))
    await printForms(file, forms, comparison.smallest.get(file) ?? new Map(), accuracyAlone.get(file) ?? new Map())
  }
}

async function printSets(): Promise<void> {
  heading("set", "")
  for (const set of sets) {
    const forms = new Map(formsOf(set, options.int8 !== undefined).map((form) => [form.name, partsOf(set, form)]))
    const accuracies = accuracyTogether.get(set.name) ?? new Map<string, Accuracy>()
    const measurements = await printForms(set.name, forms, new Map(), accuracies)
    const inOneSpace = measurements.filter(({ form }) => form === "original" || form === "prepared")
    fastest.set(set.name, fastestWithin(inOneSpace))
    if (judged) console.log(`${"".padEnd(40)}fastest that loses one pair at most: ${fastestWithin(measurements)?.form}`)
  }
}

async function readPairs() {
  const read = parsePairs(await Bun.file(join(photographs, "lfw/pairs.txt")).text())
  if (read.kind === "failed") throw new Error(read.why)
  return read.value
}

function accuracyOf(vectors: Vectors): Accuracy {
  const { crossValidation, acceptance } = evaluate(list, vectors, {})
  const strict = acceptance.find(({ far }) => far === strictRate)
  return { mean: crossValidation.mean, accepted: strict?.trueAccepts?.share ?? Number.NaN }
}

/** Keeps the tensors of the camera frame; where accuracy is asked for, compares outputs on the first faces and embeds every photograph with every form. */
async function lookAt(set: ModelSet): Promise<VectorsOf | undefined> {
  const fresh = new Set(filesOf(set).filter((file) => !frameInputs.has(file)))
  let doing: "keep" | "compare" | "embed" = "keep"
  const stages = await openStages(set, (file, network) => ({
    ...network,
    async run(input) {
      if (fresh.has(file) && doing === "keep") {
        frameInputs.set(file, [...(frameInputs.get(file) ?? []), { data: input.data.slice(), shape: input.shape }])
      }
      if (fresh.has(file) && doing === "compare") await comparison.compare(file, input)
      return network.run(input)
    },
  }))
  const frame = await stages.decode((await cameraFrame()).jpeg)
  const seen = await stages.findCentre(frame, usualWidthPx)
  if (seen === undefined) throw new Error(`set ${set.name} finds no face in the camera frame`)
  await stages.embed(frame, seen)
  if (!judged) return undefined
  doing = fresh.size > 0 ? "compare" : "embed"
  const pictures = list.pictures.slice(0, options.faces)
  for (const { file } of doing === "compare" ? pictures : []) {
    const pixels = await stages.decode(await Bun.file(join(photographs, "lfw", file)).bytes())
    const face = await stages.findCentre(pixels, usualWidthPx)
    if (face !== undefined) await stages.embed(pixels, face)
  }
  doing = "embed"
  return embedForms(stages, networks, join(photographs, "lfw"), list.pictures, variantNames)
}

/** Every photograph with everything in this form. */
async function embedBy(set: ModelSet, form: VariantName): Promise<VectorsOf> {
  return embedForms(await openIn(set, form), networks, join(photographs, "lfw"), list.pictures, [form])
}

function openIn(set: ModelSet, form: VariantName): Promise<OpenStages> {
  return openStages(set, (file, network) => networks.get(file)?.get(form) ?? network)
}

/** A file without such a form serves in the prepared one. */
function partOf(file: string, form: VariantName): Part {
  const variants = measured.find((each) => each.file === file)?.variants ?? []
  const variant = variants.find(({ name }) => name === form) ?? variants.find(({ name }) => name === "prepared")
  const network = variant && networks.get(file)?.get(variant.name)
  if (variant === undefined || network === undefined) throw new Error(`${file} was not opened`)
  return { file, variant, network, inputs: frameInputs.get(file) ?? [] }
}

function partsOf({ detector, landmarks, embedders }: ModelSet, { finding, embedding }: SetForm): Part[] {
  const parts = (model: LocatedModel, form: VariantName) => model.manifest.files.map(({ name }) => partOf(name, form))
  return [
    ...parts(detector, finding),
    ...(landmarks === undefined ? [] : parts(landmarks, finding)),
    ...embedders.flatMap((model, at) => parts(model, embedding[at] ?? "prepared")),
  ]
}

function heading(what: string, cosine: string): void {
  const columns = ["ms p50".padStart(8), "p10".padStart(7), "2 processes/s".padStart(14), cosine.padStart(11)]
  console.log(
    `\n${what.padEnd(40)}${"form".padEnd(40)}${columns.join("")}  LFW 10-fold  TAR at ${strictRate}   (n ${options.repeats})`,
  )
}

async function printForms(
  what: string,
  forms: ReadonlyMap<string, readonly Part[]>,
  cosines: ReadonlyMap<string, number>,
  accuracies: ReadonlyMap<string, Accuracy>,
): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  for (const [form, { p50Ms, p10Ms }] of await timeForms(forms, timed ? options.repeats : 1)) {
    const rate = timed ? await rateOfTwo(folder, forms.get(form) ?? [], options.seconds) : Number.NaN
    const [cosine, accuracy] = [cosines.get(form), accuracies.get(form)]
    const cells = [
      p50Ms.toFixed(2).padStart(8),
      p10Ms.toFixed(2).padStart(7),
      rate.toFixed(1).padStart(14),
      (cosine?.toFixed(7) ?? "").padStart(11),
      (accuracy === undefined ? "" : percent(accuracy.mean)).padStart(13),
      (accuracy === undefined ? "" : percent(accuracy.accepted)).padStart(14),
    ]
    console.log(`${what.padEnd(40)}${form.padEnd(40)}${cells.join("")}`)
    measurements.push({ form, ms: p10Ms, accuracy: accuracy?.mean ?? 0 })
    if (!timed) continue
    figures.push(
      { name: `${what} ${form}: one frame`, unit: "ms", better: "lower", gated: false, values: [p50Ms] },
      { name: `${what} ${form}: two processes`, unit: "1/s", better: "higher", gated: false, values: [rate] },
    )
  }
  return measurements
}

async function lookForFaces(): Promise<Record<string, Recall>> {
  const detectors = new Map<string, OpenStages>()
  for (const form of options.int8 === undefined ? (["prepared"] as const) : (["prepared", "int8"] as const)) {
    for (const [detector, name] of Object.entries({ yunet: "light", ultraface: "default", mtcnn: "mtcnn" }))
      detectors.set(form === "prepared" ? detector : `${detector} ${form}`, await openIn(await locateSet(name), form))
  }
  const demo = join(projectRoot, "node_modules/@vladmandic/face-api/demo")
  return printRecall(detectors, [join(photographs, "group"), demo], wantedWidthsPx, options.repeats, figures)
}

/** Of what was measured. */
function targetsOf(): Target[] {
  if (!judged) return []
  const lowest = Math.min(...[...comparison.smallest.values()].map((forms) => forms.get("prepared") ?? 1))
  const lossOf = (accuracies: ReadonlyMap<string, Accuracy>) =>
    (accuracies.get("original")?.mean ?? 0) - (accuracies.get("prepared")?.mean ?? 0)
  const loss = Math.max(...[...accuracyAlone.values(), ...accuracyTogether.values()].map(lossOf))
  const equal: Target[] = [
    {
      what: `prepared against published outputs, ${options.faces} faces`,
      wanted: `cosine ≥ ${cosineMin}`,
      measured: lowest.toFixed(8),
      met: lowest >= cosineMin,
    },
    {
      what: "loss of the prepared networks on 600 pairs",
      wanted: "≤ 1 pair",
      measured: `${(loss * 600).toFixed(1)} pairs`,
      met: loss <= lossMax,
    },
  ]
  if (!timed) return equal
  const fast = [...fastest].map(([set, measurement]) => ({
    what: `set ${set}: the fastest form in its embedding space that loses one pair at most`,
    wanted: "prepared",
    measured: measurement?.form ?? "none",
    met: measurement?.form === "prepared",
  }))
  return [...equal, ...fast]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function nested<Value>(map: ReadonlyMap<string, ReadonlyMap<string, Value>>): Record<string, Record<string, Value>> {
  return Object.fromEntries([...map].map(([key, values]) => [key, Object.fromEntries(values)]))
}
