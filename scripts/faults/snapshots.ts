/**
 * Damaged snapshots of an index: whatever is done to the file, no answer is wrong and the index is built anew.
 *
 *   bun scripts/faults/snapshots.ts [--cases 1000] [--seed 1]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { createRandom } from "../bench/support/statistics.ts"
import { damaged } from "./snapshots/damage.ts"
import { makeSnapshotGallery, startOn } from "./snapshots/gallery.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { cases: { type: "string" }, seed: { type: "string" } } as const
const schema = z.strictObject({ cases: count.default(1000), seed: count.default(1) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), "snapshots [--cases 1000] [--seed 1]")

const folder = await mkdtemp(join(tmpdir(), "gatehouse-snapshots-"))
try {
  const gallery = await makeSnapshotGallery(folder)
  const random = createRandom(options.seed)
  const sound = await startOn(gallery, gallery.sound, 20, options.seed)
  let wrong = sound.wrongAnswers
  let taken = 0
  let cases = 0
  while (cases < options.cases) {
    const { what, bytes } = damaged(gallery.sound, gallery.other, random)
    if (bytes === undefined) continue
    cases++
    const started = await startOn(gallery, bytes, 5, options.seed + cases)
    wrong += started.wrongAnswers
    if (!started.rebuilt) taken++
    if (started.wrongAnswers > 0 || !started.rebuilt) console.log(`case ${cases}: ${what}: ${JSON.stringify(started)}`)
    if (cases % 100 === 0) console.log(`${cases} of ${options.cases}`)
  }
  await conclude(`Snapshots of the index: ${cases} damaged ones, ${(gallery.sound.length / 1024).toFixed(0)} KB each`, [
    check("a sound one is taken over", sound.rebuilt ? "rebuilt" : "taken over", !sound.rebuilt),
    check("never a wrong answer, before and after rebuilding", `${wrong} of ${cases * 10 + 40}`, wrong === 0),
    check("a damaged one is always rebuilt", `${taken} taken over`, taken === 0),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}
