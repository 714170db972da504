/**
 * Index libraries on vectors like faces (five photographs a person; centres and spread measured on real ones, see
 * search/measure-spread.ts) and on directions drawn evenly: building, memory, recall against comparing all, milliseconds of one
 * search, saving and loading. `box` is the product's index with its threads, `shared` our addon called straight, `hnswlib` the
 * package's own class, `usearch` a peer with other forms of vectors, `exact` all compared.
 *
 *   bun scripts/bench/search.ts                                        # 10,000 and 100,000: about half an hour
 *   bun scripts/bench/search.ts --faces 1000000 --engines exact,box,shared
 *
 * What was built is kept in .cache/bench/search and taken by the next run: remove it after a change of how graphs are built.
 */
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { scannedMaxDefault } from "../../app/gallery/shared-index.ts"
import { type EngineName, engineNames, isExact } from "./search/engines.ts"
import { type Job, type Measured, measuredSchema } from "./search/measure.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { printTargets, type Target, writeResult } from "./support/results.ts"

const usage = `search [--faces 10000,100000] [--kinds faces,isotropic] [--engines ${engineNames.join(",")}] [--dimension 320] [--queries 1000]
       [--out .cache/bench/search.json]`

/** `a,b` → what `of` makes of each. */
const list = <Schema extends z.ZodType>(of: Schema) => z.preprocess((text) => String(text).split(","), z.array(of).min(1))
const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    Object.fromEntries(
      ["faces", "kinds", "engines", "dimension", "queries", "out"].map((name) => [name, { type: "string" as const }]),
    ),
    z.strictObject({
      faces: list(count).default([10_000, 100_000]),
      kinds: list(z.enum(["faces", "isotropic"])).default(["faces"]),
      engines: list(z.enum(engineNames)).default([...engineNames]),
      dimension: count.default(320),
      queries: count.default(1000),
      out: z.string().default(".cache/bench/search.json"),
    }),
  ),
  usage,
)

/** What is promised of the product's index. */
const recallMin = { first: 0.999, five: 0.995 }
const p50MsMax: Readonly<Record<number, number>> = { 100000: 0.5, 1000000: 1.5 }
const overheadMax = 1.3

const startedAt = new Date().toISOString()
const machine = await describeMachine()
console.log(machineLine(machine))
const rows: { readonly kind: Job["kind"]; readonly faces: number; readonly measured: Measured }[] = []
for (const kind of options.kinds) for (const faces of options.faces) await compare(kind, faces)
const targets = rows.flatMap(({ kind, faces, measured }) =>
  kind === "faces" && measured.engine === "box" ? judge(faces, measured) : [],
)
printTargets(targets)
const out = await writeResult(options.out, {
  ...{ kind: "search", startedAt, machine, options, targets, details: rows },
  figures: rows.flatMap(({ kind, faces, measured }) =>
    measured.searches.slice(-1).map(({ tookMs }) => ({
      ...{ name: `${kind} ${faces} ${measured.engine} p50`, unit: "ms" as const, better: "lower" as const, gated: false },
      values: [tookMs.p50],
    })),
  ),
})
console.log(out)

async function compare(kind: Job["kind"], faces: number): Promise<void> {
  const cache = join(projectRoot, ".cache/bench/search", `${kind}-${faces}-${options.dimension}`)
  const truthPath = join(cache, `truth-${options.queries}.json`)
  const known = await Bun.file(truthPath).exists()
  const engines = [...options.engines].sort((a, b) => Number(isExact(b)) - Number(isExact(a)))
  if (!known && engines[0] !== "exact") engines.unshift("exact")
  console.log(`\n${kind}, ${faces} vectors of ${options.dimension} numbers, ${options.queries} fresh queries`)
  for (const engine of engines) {
    const measured = await measure({ ...{ engine, kind, faces, truthPath, cache }, ...shape(engine) })
    rows.push({ kind, faces, measured })
    console.log(tableOf(measured))
  }
}

function shape(engine: EngineName) {
  const widths = isExact(engine) || engine === "box" ? [1] : [48, 64, 96, 128, 192, 256, 384, 512]
  return { dimension: options.dimension, queries: options.queries, widths }
}

async function measure(job: Job): Promise<Measured> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "search/measure.ts"), JSON.stringify(job)], {
    stdout: "pipe",
    stderr: "inherit",
  })
  const text = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`${job.engine} ended with ${child.exitCode}`)
  return measuredSchema.parse(JSON.parse(text))
}

function tableOf({ engine, searches, ...rest }: Measured): string {
  const { built, memoryMB, fileMB, saveS, loadS } = rest
  return [
    `${engine}: built in ${built.seconds} s by ${built.cores} cores, ${memoryMB} MB, saved in ${saveS} s (${fileMB} MB), loaded in ${loadS} s`,
    formatTable(
      ["width", "recall@1", "recall@5", "p50 ms", "p99 ms"],
      searches.map(({ width, recall1, recall5, tookMs }) => [
        engine === "box" || isExact(engine) ? "-" : String(width),
        recall1.toFixed(4),
        recall5.toFixed(4),
        tookMs.p50.toFixed(3),
        tookMs.p99.toFixed(3),
      ]),
    ),
  ].join("\n")
}

function judge(faces: number, { searches }: Measured): Target[] {
  const box = searches[0]
  if (box === undefined) return []
  const limit = p50MsMax[faces]
  const said = (what: string, wanted: string, measured: number, met: boolean): Target => ({
    ...{ what: `${faces} faces: ${what}`, wanted, measured: measured.toFixed(4), met },
  })
  // Where the box compares all, so does the library's own call.
  const rawEngine: EngineName = faces <= scannedMaxDefault ? "exact" : "shared"
  const raw = rows.find(
    ({ kind, faces: of, measured }) => kind === "faces" && of === faces && measured.engine === rawEngine,
  )?.measured
  // Raw at the recall that the box has, or the next better.
  const same = raw?.searches.find(({ recall5 }) => recall5 >= box.recall5)
  return [
    said("recall@1", `≥ ${recallMin.first}`, box.recall1, box.recall1 >= recallMin.first),
    said("recall@5", `≥ ${recallMin.five}`, box.recall5, box.recall5 >= recallMin.five),
    ...(limit === undefined ? [] : [said("p50 in ms", `≤ ${limit}`, box.tookMs.p50, box.tookMs.p50 <= limit)]),
    ...(limit === undefined ? [] : [said("p99 in ms", `≤ ${2 * limit}`, box.tookMs.p99, box.tookMs.p99 <= 2 * limit)]),
    ...(same === undefined
      ? []
      : [
          said(
            `over the library's own ${same.tookMs.p50} ms`,
            `≤ ${overheadMax} ×`,
            box.tookMs.p50 / same.tookMs.p50,
            box.tookMs.p50 <= overheadMax * same.tookMs.p50,
          ),
        ]),
  ]
}
