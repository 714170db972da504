/**
 * Writes networks in whole numbers (int8, QDQ) under the names of the files they stand for, as a trial: what they cost and lose
 * is measured by `scripts/bench/models.ts --int8`. Ranges come from photographs of the half of the people that the calibration
 * uses, and from no other.
 *
 *   bun scripts/quantise.ts                        # into .cache/int8, about a minute
 *   bun scripts/quantise.ts --photographs 200
 */
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { z } from "zod"
import { projectRoot } from "../app/base/paths.ts"
import { splitPeople } from "../app/cli/eval/calibrate.ts"
import { withLeakyRelus } from "../app/inference/engine/graph.ts"
import { openNetwork } from "../app/inference/engine/ort.ts"
import { cosineOf } from "./bench/models/outputs.ts"
import { openStages } from "./bench/models/stages.ts"
import { readVariants } from "./bench/models/variants.ts"
import { count, optionsOrExit, readOptions } from "./bench/support/options.ts"
import { median } from "./bench/support/statistics.ts"
import { locateSet, readListed } from "./photographs.ts"
import { createObserver, type Observer } from "./quantise/measure.ts"
import { type EditableNetwork, readNetwork } from "./quantise/network.ts"
import { type Plan, planFor } from "./quantise/plan.ts"
import { quantise } from "./quantise/rewrite.ts"

const usage = `quantise [--photographs 100] [--out .cache/int8]
  --photographs N   to take ranges from
  --out DIR         where the networks go`

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    Object.fromEntries(["photographs", "out"].map((name) => [name, { type: "string" as const }])),
    z.strictObject({
      photographs: count.default(100),
      out: z.string().default(".cache/int8"),
    }),
  ),
  usage,
)

/** The smallest faces that are looked for, photograph after photograph: the detector sees them in several sizes. */
const wantedWidthsPx = [20, 40, 80]
/** Shares of the values that may lie outside a range, of which each network gets the one that suits it. */
const outsideShares = [0, 1e-5, 1e-4, 1e-3]
const photographs = resolve(projectRoot, "../shared/data/lfw")
const out = resolve(projectRoot, options.out)

interface Watched {
  readonly network: EditableNetwork
  readonly plan: Plan
  readonly observer: Observer
}

const [half] = splitPeople(await readListed())
/** Spread over the half, so that no first letter is preferred. */
const chosen = half.filter(
  (_, at) =>
    Math.floor((at * options.photographs) / half.length) !== Math.floor(((at - 1) * options.photographs) / half.length),
)
const done = new Set<string>()
await mkdir(out, { recursive: true })
for (const name of ["better", "default", "mtcnn"]) await quantiseSet(name)
process.exit(0)

async function quantiseSet(name: string): Promise<void> {
  const set = await locateSet(name)
  const fresh = new Map<string, Watched>()
  const observing = new Map<string, Awaited<ReturnType<typeof openNetwork>>>()
  for (const { file, variants } of await readVariants([set], undefined)) {
    const prepared = variants.find((variant) => variant.name === "prepared")
    if (done.has(file) || prepared === undefined) continue
    const network = readNetwork(withLeakyRelus(prepared.bytes))
    const plan = planFor(network)
    const [input = ""] = network.inputs
    const inner = plan.values.filter((value) => value !== input && !network.outputs.includes(value))
    observing.set(file, await openNetwork(network.withOutputs(inner), { threads: 2, asPublished: true }))
    fresh.set(file, { network, plan, observer: createObserver(plan.values, input, network.outputs) })
  }
  const stages = await openStages(set, (file, network) => {
    const own = fresh.get(file)
    return own === undefined ? network : own.observer.watch(observing.get(file) ?? network)
  })
  for (const round of ["see", "count"]) {
    if (round === "count") for (const { observer } of fresh.values()) observer.startCounting()
    for (const [at, { file }] of chosen.entries()) {
      const pixels = await stages.decode(await Bun.file(join(photographs, file)).bytes())
      const face = await stages.findCentre(pixels, wantedWidthsPx[at % wantedWidthsPx.length] ?? 0)
      if (face !== undefined) await stages.embed(pixels, face)
    }
  }
  for (const [file, { network, plan, observer }] of fresh) {
    const { bytes, outsideShare, likeness } = await quantiseBest(network, plan, observer)
    await Bun.write(join(out, file), bytes)
    done.add(file)
    console.log(
      `${file}: ${plan.nodes.size} of ${network.nodes.length} nodes in whole numbers, ${bytes.length} bytes, ` +
        `${outsideShare} of the values cut off, cosine ${likeness.toFixed(4)} on ${observer.examples.length} examples`,
    )
  }
}

/** The ranges with which the network says most nearly what it says in floats: some networks bear no cut, others no coarse step. */
async function quantiseBest(network: EditableNetwork, plan: Plan, { ranges, examples }: Observer) {
  const tried: { bytes: Uint8Array; outsideShare: number; likeness: number }[] = []
  for (const outsideShare of outsideShares) {
    const bytes = quantise(network, plan, ranges(outsideShare))
    const opened = await openNetwork(bytes, { threads: 2, asPublished: true })
    const cosines: number[] = []
    for (const { input, outputs } of examples) cosines.push(cosineOf(outputs, await opened.run(input)))
    await opened.close()
    tried.push({ bytes, outsideShare, likeness: median(cosines) })
  }
  return tried.reduce((best, each) => (each.likeness > best.likeness ? each : best))
}
