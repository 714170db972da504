import { join } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { syntheticTensor } from "../../../app/inference/engine/golden.ts"
import { onlyNetwork, openModel } from "../../../app/inference/engine/model.ts"
import { locateModelSet } from "../../../app/inference/models.ts"

/** A process of its own, as an engine is: `runs.ts <set> <threads> <spinning> <runs>` prints what each run of the embedder took, in ms. */
const [name = "default", threads = "1", spinning = "false", runs = "100"] = Bun.argv.slice(2)
const located = await locateModelSet({ modelsFolder: join(projectRoot, "models"), searchFolders: [], set: name })
if (located.kind === "failed") throw new Error(located.why)
const [embedder] = located.set.embedders
const [golden] = embedder?.manifest.golden ?? []
if (embedder === undefined || golden === undefined) throw new Error(`set ${name} has no embedder with a known answer`)
const opened = await openModel(embedder, { threads: Number(threads), spinning: spinning === "true" })
if (opened.kind === "failed") throw new Error(opened.why)
const network = onlyNetwork(opened.value)

// One crop: what a camera frame with one face asks for.
const shape = [1, ...golden.shape.slice(1)]
const data = syntheticTensor(shape, golden.seed, golden.low, golden.high)
const warmRuns = 50
const tookMs: number[] = []
for (let run = -warmRuns; run < Number(runs); run++) {
  const startTickMs = nowTickMs()
  await network.run({ data, shape })
  if (run >= 0) tookMs.push(nowTickMs() - startTickMs)
}
console.log(JSON.stringify(tookMs))
process.exit(0)
