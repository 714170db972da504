/**
 * Promise R6: the wall clock leaps, before the box starts and while it runs; nothing is deleted and nothing stands still.
 *
 *   bun scripts/faults/clocks.ts
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { clockCases, jumpClocks } from "./storage/clocks.ts"
import { smallFrame } from "./storage/picture.ts"
import { check, conclude } from "./support/verdict.ts"

const folder = await mkdtemp(join(tmpdir(), "gatehouse-clocks-"))
try {
  const results = await jumpClocks(folder, clockCases, await smallFrame())
  await conclude(
    "R6: clocks that leap",
    results.map(({ name, lost, damaged, stuck }) => {
      const wrong = [...lost, ...damaged, ...stuck]
      return check(name, wrong.length === 0 ? "all there, all runs" : wrong.join("; "), wrong.length === 0)
    }),
  )
} finally {
  await rm(folder, { recursive: true, force: true })
}
