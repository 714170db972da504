/**
 * Promise R11: a box with 100,000 faces is killed and is ready again within five seconds, its graph taken from the snapshot, with
 * the same answers as before.
 *
 *   bun scripts/faults/restart.ts [--faces 100000] [--rounds 5] [--queries 200] [--suite aes|gm]
 *
 * With --suite the folder is sealed, and the limit is that of promise S8: 8 s for AES, 60 s for SM4.
 */
import { z } from "zod"
import { fillFolder } from "../bench/search/filled-box.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { median, roundTo } from "../bench/support/statistics.ts"
import { restartAgainAndAgain } from "./storage/restarts.ts"
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
const { builtS, readyS, asked, different } = await restartAgainAndAgain(filled, options.rounds, options.queries)
console.log(`the first start, with the graph to be built, took ${roundTo(builtS, 1)} s`)
const sealed = suite === undefined ? "" : `, sealed with ${suite}`
await conclude(`R11: ${options.faces} faces of ${filled.source.dimension} numbers${sealed}, ${options.rounds} kills`, [
  check(
    `ready with its graph < ${readySMax} s after the start`,
    `${readyS.map((value) => roundTo(value, 2)).join(", ")} s (median ${roundTo(median(readyS), 2)})`,
    Math.max(...readyS) < readySMax,
  ),
  check("the same answers as before", `${different} of ${asked} differ`, different === 0),
])
