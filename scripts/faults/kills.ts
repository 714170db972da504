/**
 * Promise R1: the box is killed at random moments while four clients enrol, rename, delete and send pictures; what it had
 * acknowledged is there afterwards.
 *
 *   bun scripts/faults/kills.ts [--loops 500]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { summarise } from "../bench/support/statistics.ts"
import { killAgainAndAgain } from "./storage/kills.ts"
import { smallFrame } from "./storage/picture.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ loops: count.default(500) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { loops: { type: "string" } }, schema), "kills [--loops 500]")

const folder = await mkdtemp(join(tmpdir(), "gatehouse-kills-"))
try {
  const kills = await killAgainAndAgain(folder, options.loops, await smallFrame(), (loop, ledger) => {
    if (loop % 25 === 0) console.log(`${loop} kills, ${ledger.acknowledged()} acknowledged: ${JSON.stringify(ledger.counts())}`)
  })
  const ready = summarise(kills.readyMs)
  await conclude(`R1: ${options.loops} × SIGKILL at random under load`, [
    check(
      "nothing acknowledged is lost",
      `${kills.lost.length} lost of ${kills.ledger.acknowledged()} (${JSON.stringify(kills.ledger.counts())}) ${kills.lost.slice(0, 5).join("; ")}`,
      kills.lost.length === 0,
    ),
    check(
      "integrity_check, references, vectors, pictures and totals are right after each",
      `${kills.damaged.length} wrong ${kills.damaged.slice(0, 5).join("; ")}`,
      kills.damaged.length === 0,
    ),
    check("it takes work again", `p50 ${ready.p50} ms, p99 ${ready.p99} ms (n ${ready.n})`, ready.p99 < 3000),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}
