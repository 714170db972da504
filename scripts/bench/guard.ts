/**
 * What it costs to doubt an accelerator at every run: the same library, the same networks, once as a plan for the processor (nobody
 * is doubted) and once under a stand-in's name, by turns. Both compute on the processor, where one more row in a run costs as much as
 * a face; an accelerator that takes eight rows in hardly more time than one pays less.
 *
 *   bun scripts/bench/guard.ts [--set better] [--pairs 40]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { elapsedMs, nowTickMs } from "../../app/base/ticks.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { type Analyzer, openAnalyzer } from "../../app/inference/engine/run.ts"
import { locateModelSet } from "../../app/inference/models.ts"
import type { ProviderName, RuntimePlan } from "../../app/inference/providers/plan.ts"
import { buildStandIn, packagedLibrary } from "../../tests/support/native/libraries.ts"
import { describeMachine, machineLine } from "./support/machine.ts"
import { count, optionsOrExit, readOptions } from "./support/options.ts"
import { cameraFrame, groupPictures, type Picture } from "./support/pictures.ts"
import { summarise } from "./support/statistics.ts"

const options = optionsOrExit(
  readOptions(
    Bun.argv.slice(2),
    { set: { type: "string" }, pairs: { type: "string" } },
    z.strictObject({ set: z.string().default("auto"), pairs: count.default(40) }),
  ),
  "guard [--set better] [--pairs 40]",
)

const folder = mkdtempSync(join(tmpdir(), "gatehouse-guard-"))
try {
  const standIn = buildStandIn(folder)
  await using plain = await openOn(packagedLibrary, "cpu")
  await using guarded = await openOn(standIn.library, "cuda")
  console.log(machineLine(await describeMachine()))
  const rows: string[][] = []
  for (const picture of [await cameraFrame(), (await groupPictures())[0]!]) rows.push(await compare(plain, guarded, picture))
  console.log(formatTable(["picture", "faces", "undoubted, median ms", "doubted", "more"], rows))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function openOn(library: string, provider: ProviderName): Promise<Analyzer & AsyncDisposable> {
  const located = await locateModelSet({
    modelsFolder: resolve(projectRoot, "models"),
    searchFolders: [process.env.GATEHOUSE_MODEL_DIR ?? resolve(projectRoot, "../shared/models")],
    set: options.set,
  })
  if (located.kind === "failed") throw new Error(located.why)
  const plan: RuntimePlan = {
    ...{ adapter: "ort-ffi", library, provider, required: false, deviceId: 0, cacheFolder: folder },
    versions: { runtime: "as it is" },
    tensorrt: { fp16: false, workspaceBytes: 1, shapes: {} },
  }
  const opened = await openAnalyzer(located.set, { threads: 1, plan })
  if (opened.kind === "unfit") throw new Error(opened.why)
  return { ...opened.analyzer, [Symbol.asyncDispose]: () => opened.analyzer.close() }
}

/** By turns, so that what else the machine does meets both. */
async function compare(plain: Analyzer, guarded: Analyzer, { name, jpeg }: Picture): Promise<string[]> {
  const tookMs: { readonly plain: number[]; readonly guarded: number[] } = { plain: [], guarded: [] }
  let faces = 0
  for (let pair = -3; pair < options.pairs; pair++) {
    for (const [which, analyzer] of [["plain", plain] as const, ["guarded", guarded] as const]) {
      const startTickMs = nowTickMs()
      const analysis = await analyzer.analyze(jpeg, { faceWidthPxMin: 48, facesMax: 50, embed: "all" })
      if (analysis.kind !== "ok") throw new Error(analysis.why)
      faces = analysis.faces.length
      // The first ones warm up.
      if (pair >= 0) tookMs[which].push(elapsedMs(startTickMs))
    }
  }
  const [plainMs, guardedMs] = [summarise(tookMs.plain).p50, summarise(tookMs.guarded).p50]
  const moreMs = guardedMs - plainMs
  const more = `${moreMs.toFixed(1)} ms, ${((100 * moreMs) / plainMs).toFixed(0)} %`
  return [name, String(faces), plainMs.toFixed(1), guardedMs.toFixed(1), more]
}
