/**
 * What each network costs and what its faster form loses: as published, as prepared (what the engines run), and int8 where
 * somebody made such files. Milliseconds at one thread on the tensors of a 1080p frame with one face, passes a second of two
 * processes, cosine of the prepared outputs against the published ones on real faces, accuracy on the 600 pairs of LFW; then
 * how many faces each detector finds by their size.
 *
 *   bun scripts/bench/models.ts                                 # about five minutes
 *   bun scripts/bench/models.ts --int8 .cache/int8 --repeats 80
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { evaluate } from "../../app/cli/eval/evaluate.ts"
import { parsePairs } from "../../app/cli/eval/pairs.ts"
import type { Embedder } from "../../app/inference/engine/embed.ts"
import type { FloatTensor, Network } from "../../app/inference/engine/ort.ts"
import { openAnalyzer } from "../../app/inference/engine/run.ts"
import { locateSet } from "../photographs.ts"
import { cosineOf } from "./models/outputs.ts"
import { judge, measureRecall, type Recall, widthsPx } from "./models/recall.ts"
import { throughputOfTwo, timeVariants } from "./models/speed.ts"
import { openStages } from "./models/stages.ts"
import { openVariant, readVariants, type VariantName } from "./models/variants.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, positive, readOptions } from "./support/options.ts"
import { cameraFrame } from "./support/pictures.ts"
import { type Figure, printTargets, type Target, writeResult } from "./support/results.ts"

const usage = `models [--repeats 40] [--faces 100] [--seconds 2] [--int8 FOLDER] [--out .cache/bench/models.json]
  --repeats N   passes of each variant, by turns
  --faces N     photographs on which outputs are compared
  --seconds N   of each two-process run
  --int8 DIR    quantised networks under the names of the files they stand for`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    Object.fromEntries(["repeats", "faces", "seconds", "int8", "out"].map((name) => [name, { type: "string" as const }])),
    z.strictObject({
      repeats: count.default(40),
      faces: count.default(100),
      seconds: positive.default(2),
      int8: z.string().optional(),
      out: z.string().default(".cache/bench/models.json"),
    }),
  ),
  usage,
)

/** What `gatehouse eval` looks for, so that accuracies compare. */
const evaluatedWidthPxMin = 40
/** The usual smallest face of a camera, of an enrolment, and of a gate. */
const wantedWidthsPx = [48, 32, 80]
const usualWidthPx = 48
const cosineMin = 0.99999
/** One pair of 600. */
const lossMax = 1 / 600 + 1e-9

const photographs = resolve(projectRoot, "../shared/data")
const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
const sets = await Promise.all(["better", "default", "mtcnn"].map(locateSet))
const measured = await readVariants(sets, options.int8)
const networks = new Map<string, Map<VariantName, Network>>()
for (const { file, variants } of measured) {
  const opened = new Map<VariantName, Network>()
  for (const variant of variants) opened.set(variant.name, await openVariant(variant))
  networks.set(file, opened)
}

/** Tensors of one frame, by file. */
const frameInputs = new Map<string, FloatTensor[]>()
const cosines = new Map<string, number>()
const accuracy = new Map<string, Map<VariantName, number>>()
for (const set of sets) await lookAtFaces(set)

const folder = await mkdtemp(join(tmpdir(), "gatehouse-models-"))
const figures: Figure[] = []
console.log(
  `\n${"network".padEnd(40)}variant    ms p50   p10   2 processes/s   cosine       LFW 10-fold   (n ${options.repeats})`,
)
for (const each of measured) {
  const inputs = frameInputs.get(each.file) ?? []
  const times = await timeVariants(networks.get(each.file) ?? new Map(), inputs, options.repeats)
  const rates = await throughputOfTwo(folder, each, inputs, options.seconds)
  for (const [name, { p50Ms, p10Ms }] of times) {
    const [rate, lfw] = [rates.get(name) ?? 0, accuracy.get(each.file)?.get(name)]
    const cosine = name === "original" ? undefined : cosines.get(`${each.file} ${name}`)
    const cells = [
      p50Ms.toFixed(2).padStart(8),
      p10Ms.toFixed(2).padStart(6),
      rate.toFixed(1).padStart(16),
      (cosine?.toFixed(7) ?? "–").padStart(12),
      (lfw === undefined ? "–" : `${(lfw * 100).toFixed(2)} %`).padStart(12),
    ]
    console.log(`${each.file.padEnd(40)}${name.padEnd(9)}${cells.join(" ")}`)
    figures.push(
      { name: `${each.file} ${name}: one frame`, unit: "ms", better: "lower", gated: false, values: [p50Ms] },
      { name: `${each.file} ${name}: two processes`, unit: "1/s", better: "higher", gated: false, values: [rate] },
    )
  }
}
await rm(folder, { recursive: true })

const recall = await measureDetectors()
const targets = targetsOf()
const details = { cosines: Object.fromEntries(cosines), accuracy: nested(accuracy), recall }
console.log(await writeResult(options.out, { kind: "models", startedAt, machine, options, figures, targets, details }))
printTargets(targets)
process.exit(0)

/** Keeps the tensors of the camera frame, compares outputs on the first faces and embeds every photograph with every variant. */
async function lookAtFaces(set: (typeof sets)[number]): Promise<void> {
  let keeping = false
  let comparing = false
  const stages = await openStages(set, (file, network) => ({
    ...network,
    async run(input) {
      const outputs = await network.run(input)
      if (keeping) frameInputs.set(file, [...(frameInputs.get(file) ?? []), { data: input.data.slice(), shape: input.shape }])
      if (comparing) await compare(file, input)
      return outputs
    },
  }))
  const fresh = measured.filter(({ file }) => !frameInputs.has(file)).map(({ file }) => file)
  const isFresh = (file: string) => fresh.includes(file)
  const frame = await stages.decode((await cameraFrame()).jpeg)
  const known = new Map(frameInputs)
  keeping = true
  const seen = await stages.findCentre(frame, usualWidthPx)
  if (seen === undefined) throw new Error(`set ${set.name} finds no face in the camera frame`)
  await stages.embed(frame, seen)
  keeping = false
  // What another set was given already stays as it was.
  for (const [file, inputs] of known) frameInputs.set(file, inputs)

  const list = parsePairs(await Bun.file(join(photographs, "lfw/pairs.txt")).text())
  if (list.kind === "failed") throw new Error(list.why)
  const embedders: { file: string; name: VariantName; embedder: Embedder; vectors: Map<string, Float32Array> }[] = []
  for (const [file, create] of stages.embedderOf) {
    if (!isFresh(file)) continue
    for (const [name, network] of networks.get(file) ?? [])
      embedders.push({ file, name, embedder: create(network), vectors: new Map() })
  }
  if (fresh.length === 0) return
  let faces = 0
  for (const { file } of list.value.pictures) {
    if (embedders.length === 0 && faces >= options.faces) break
    const pixels = await stages.decode(await Bun.file(join(photographs, "lfw", file)).bytes())
    comparing = faces < options.faces
    const face = await stages.findCentre(pixels, evaluatedWidthPxMin)
    if (face === undefined) continue
    faces += 1
    if (comparing) await stages.embed(pixels, face)
    comparing = false
    for (const { embedder, vectors } of embedders) {
      embedder.align(pixels, [face])
      const [vector] = await embedder.run()
      if (vector !== undefined) vectors.set(file, vector)
    }
  }
  for (const { file, name, vectors } of embedders) {
    const { crossValidation } = evaluate(list.value, vectors, {})
    accuracy.set(file, new Map([...(accuracy.get(file) ?? []), [name, crossValidation.mean]]))
  }
}

async function compare(file: string, input: FloatTensor): Promise<void> {
  const opened = networks.get(file)
  const original = await opened?.get("original")?.run(input)
  if (original === undefined) return
  for (const [name, network] of opened ?? []) {
    if (name === "original") continue
    const key = `${file} ${name}`
    cosines.set(key, Math.min(cosines.get(key) ?? 1, cosineOf(original, await network.run(input))))
  }
}

async function measureDetectors(): Promise<Record<string, Recall>> {
  const analyzers = new Map<string, Awaited<ReturnType<typeof open>>>()
  const open = async (name: string) => {
    const opened = await openAnalyzer(await locateSet(name), { threads: 1 })
    if (opened.kind === "unfit") throw new Error(opened.why)
    return opened.analyzer
  }
  for (const [detector, set] of Object.entries({ yunet: "light", ultraface: "default", mtcnn: "mtcnn" }))
    analyzers.set(detector, await open(set))
  const reference = analyzers.get("yunet")
  if (reference === undefined) throw new Error("no reference detector")
  const demo = join(projectRoot, "node_modules/@vladmandic/face-api/demo")
  const judged = await judge(reference, [join(photographs, "group"), demo])
  const recalls: Record<string, Recall> = {}
  const ranges = widthsPx.slice(0, -1).map((from, at) => `${from}–${widthsPx[at + 1] === Infinity ? "" : widthsPx[at + 1]}`)
  console.log(
    `\nfaces found, of those YuNet sees at full size, by width in px\n${"".padEnd(22)}${ranges.map((range) => range.padStart(9)).join("")}   others`,
  )
  for (const wanted of wantedWidthsPx) {
    for (const [detector, analyzer] of analyzers) {
      const { found, all, others } = await measureRecall(analyzer, judged, wanted)
      recalls[`${detector} from ${wanted} px`] = { found, all, others }
      const cells = found.map((number, at) => (all[at] === 0 ? "–" : `${number}/${all[at]}`).padStart(9))
      console.log(`${`${detector} from ${wanted} px`.padEnd(22)}${cells.join("")}   ${others}`)
    }
  }
  return recalls
}

function targetsOf(): Target[] {
  const prepared = [...cosines].filter(([key]) => key.endsWith(" prepared"))
  const lowest = Math.min(...prepared.map(([, cosine]) => cosine))
  const losses = [...accuracy.values()].map((of) => (of.get("original") ?? 0) - (of.get("prepared") ?? 0))
  return [
    {
      what: `prepared against published outputs, ${options.faces} faces`,
      wanted: `cosine ≥ ${cosineMin}`,
      measured: lowest.toFixed(8),
      met: lowest >= cosineMin,
    },
    {
      what: "loss of the prepared embedders on 600 pairs",
      wanted: "≤ 1 pair",
      measured: `${(Math.max(...losses) * 600).toFixed(1)} pairs`,
      met: Math.max(...losses) <= lossMax,
    },
  ]
}

function nested(map: ReadonlyMap<string, ReadonlyMap<string, number>>): Record<string, Record<string, number>> {
  return Object.fromEntries([...map].map(([key, values]) => [key, Object.fromEntries(values)]))
}
