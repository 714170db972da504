/**
 * Promise R12: a box is backed up under load and restored on an empty folder, again and again; both say the same.
 *
 *   bun scripts/faults/backup.ts [--loops 20]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { summarise } from "../bench/support/statistics.ts"
import { backUpAndRestore } from "./storage/backups.ts"
import { smallFrame } from "./storage/picture.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ loops: count.default(20) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { loops: { type: "string" } }, schema), "backup [--loops 20]")

const stallMsMax = 50
const folder = await mkdtemp(join(tmpdir(), "gatehouse-backup-"))
try {
  const told = await backUpAndRestore(folder, options.loops, await smallFrame(), (loop) => console.log(`${loop} loops`))
  const took = summarise(told.backupMs)
  const meanwhile = summarise(told.meanwhileMs)
  const before = summarise(told.beforeMs)
  await conclude(`R12: ${options.loops} × backup under load, restored on an empty folder`, [
    check(
      "the dumps are equal, and hold what was acknowledged before",
      `${told.wrong.length} wrong; ${told.acknowledged} acknowledged, ${told.acknowledgedMeanwhile} of them while a backup was made ${told.wrong.slice(0, 3).join("; ")}`,
      told.wrong.length === 0,
    ),
    check(
      `no request waits for it by ${stallMsMax} ms more`,
      `p50 ${meanwhile.p50} ms, p99 ${meanwhile.p99} ms (n ${meanwhile.n}), before ${before.p50} and ${before.p99} ms (n ${before.n}); a backup p50 ${took.p50} ms`,
      meanwhile.p99 < before.p99 + stallMsMax,
    ),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}
