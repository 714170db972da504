/**
 * Promise R11: a box with 100,000 faces is killed and is ready again within five seconds, its graph taken from the snapshot, with
 * the same answers as before.
 *
 *   bun scripts/faults/restart.ts [--faces 100000] [--rounds 5] [--queries 200] [--suite aes|gm]
 *
 * With --suite the folder is sealed, and the limit is that of promise S8: 8 s for AES, 60 s for SM4.
 */
import { z } from "zod"
import { fillFolder, searchBox, whenReady } from "../bench/search/filled-box.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { median, roundTo } from "../bench/support/statistics.ts"
import { check, conclude } from "./support/verdict.ts"

const table = {
  faces: { type: "string" },
  rounds: { type: "string" },
  queries: { type: "string" },
  suite: { type: "string" },
} as const
const schema = z.strictObject({
  faces: count.default(100_000),
  rounds: count.default(5),
  queries: count.default(200),
  suite: z.enum(["aes", "gm"]).optional(),
})
const usage = "restart [--faces 100000] [--rounds 5] [--queries 200] [--suite aes|gm]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

const { suite } = options
const readySMax = suite === undefined ? 5 : { aes: 8, gm: 60 }[suite]

await using filled = await fillFolder(options.faces, { suite })
const { source, people, space, folder } = filled
const queries = source.queries(options.queries, people)
const asked = Array.from({ length: options.queries }, (_, i) =>
  queries.subarray(i * source.dimension, (i + 1) * source.dimension),
)
const answersOf = async (box: { url: string; key: string }) => {
  const answers: string[][] = []
  for (const vector of asked) answers.push(await searchBox(box, space, vector))
  return answers
}

const first = await filled.start()
const buildTickMs = performance.now()
await whenReady(first)
console.log(`the first start built the graph in ${roundTo((performance.now() - buildTickMs) / 1000, 1)} s`)
await snapshotIn(folder)
const before = await answersOf(first)
process.kill(first.pid, "SIGKILL")
await first.exited

const readyS: number[] = []
let different = 0
for (let round = 0; round < options.rounds; round++) {
  const startTickMs = performance.now()
  const box = await filled.start()
  await whenReady(box)
  readyS.push(roundTo((performance.now() - startTickMs) / 1000, 2))
  const after = await answersOf(box)
  different += after.filter((names, i) => names.join() !== before[i]?.join()).length
  process.kill(box.pid, "SIGKILL")
  await box.exited
}
const sealed = suite === undefined ? "" : `, sealed with ${suite}`
await conclude(`R11: ${options.faces} faces of ${source.dimension} numbers${sealed}, ${options.rounds} kills`, [
  check(
    `ready with its graph < ${readySMax} s after the start`,
    `${readyS.join(", ")} s (median ${median(readyS)})`,
    Math.max(...readyS) < readySMax,
  ),
  check("the same answers as before", `${different} of ${options.rounds * options.queries} differ`, different === 0),
])

async function snapshotIn(dataFolder: string): Promise<void> {
  const files = new Bun.Glob("index/*.graph")
  while ((await Array.fromAsync(files.scan(dataFolder))).length === 0) await Bun.sleep(200)
}
