import { beforeAll, expect, test } from "bun:test"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { selfCommand } from "../../app/base/self.ts"
import type { ModelSet } from "../../app/inference/manifest.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { openPool } from "../../app/inference/pool.ts"
import { faultKinds, libraryFaults, runEpisode } from "../../scripts/faults/providers/episode.ts"
import { type Reference, referenceFaces } from "../../scripts/faults/providers/faces.ts"
import { locateSet } from "../inference/engine/support.ts"

let set: ModelSet
let references: Reference[]
beforeAll(async () => {
  set = await locateSet("default")
  const pool = openPool(selfCommand(), set, inferenceOptions.parse({ engines: 1 }), silentLog, createMetrics())
  await pool.settled()
  references = await referenceFaces(pool)
  await pool.close()
}, 60_000)

/** Promise R8 in small: `scripts/faults/providers.ts` asks ten thousand times. */
test.each(faultKinds)(
  "%s: not one wrong answer, none missing, and the processor within seconds",
  async (kind) => {
    const { wrong, unanswered, accelerated, gapMs, outcome } = await runEpisode({
      ...{ kind, set, references },
      requests: 30,
      clients: 2,
    })
    expect([wrong, unanswered]).toEqual([[], []])
    const ofLibrary = libraryFaults.some((each) => each === kind)
    expect([outcome, accelerated > 0]).toEqual(ofLibrary ? ["refused", false] : ["serving", true])
    // The promise is 5 s; a machine that does five things at once may take its time.
    expect(gapMs).toBeLessThan(15_000)
  },
  90_000,
)
