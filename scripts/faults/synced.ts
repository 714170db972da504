/**
 * Promise R3: whatever is acknowledged has been synced to the disk before the answer goes out; and the check itself notices a
 * box whose syncs never happen.
 *
 *   bun scripts/faults/synced.ts [--answers 200]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { askTraced } from "./storage/ask-traced.ts"
import { smallFrame } from "./storage/picture.ts"
import { straceRefusal } from "./storage/strace.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ answers: count.default(200) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { answers: { type: "string" } }, schema), "synced [--answers 200]")
const refusal = await straceRefusal()
if (refusal !== undefined) throw new Error(refusal)

const folder = await mkdtemp(join(tmpdir(), "gatehouse-synced-"))
try {
  const picture = await smallFrame()
  const told = await askTraced(join(folder, "strict"), options.answers, picture, false)
  const relaxed = await askTraced(join(folder, "relaxed"), options.answers, picture, true)
  await conclude("R3: synced before it is acknowledged", [
    check(
      "between the last write to the log and the 2xx there is a sync",
      `${told.answered - told.early.length} of ${told.answered} ${told.early.slice(0, 3).join("; ")}`,
      told.early.length === 0 && told.answered >= options.answers,
    ),
    check(
      "a box whose syncs do nothing is found out",
      `${relaxed.early.length} of ${relaxed.answered}`,
      relaxed.early.length === relaxed.answered && relaxed.answered >= options.answers,
    ),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}
