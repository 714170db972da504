import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { runLoad, unstatedAnswers } from "../../scripts/faults/support/load.ts"
import { startBox, testAdminKey } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

/** Far more than two engines can do on any machine that runs this; `scripts/faults/overload.ts` measures ten times the capacity. */
const ratePerSecond = 300
const deadlineMs = 800

test("ten seconds of far too much: who is let in is answered in time, the others are told at once, and then all is as before", async () => {
  using folder = tempFolder()
  const config = folder.file("config.jsonc")
  writeFileSync(config, JSON.stringify({ http: { ratePerSecond: 0 } }))
  await using box = await startBox(folder.file("data"), { GATEHOUSE_CONFIG: config, GATEHOUSE_ENGINES: "2" })
  const details = await runLoad(
    { url: box.url, key: testAdminKey },
    {
      rate: ratePerSecond,
      seconds: 10,
      "deadline-ms": deadlineMs,
      "unloaded-seconds": 2,
      "after-seconds": 10,
      out: folder.file("load.json"),
    },
  )
  expect(unstatedAnswers(details)).toEqual([])
  expect(details.statuses["503 overloaded"] ?? 0).toBeGreaterThan(500)
  expect(details.acceptedMs.n).toBeGreaterThan(50)
  // In time is before the deadline and one run more; a run may take a second where the sender wants the same two cores.
  expect(details.overDeadline?.worstMs ?? 0).toBeLessThan(1000)
  // A queue that only grows would answer nobody sooner than the deadline.
  expect(details.acceptedMs.p50).toBeLessThan(deadlineMs)
  expect(details.normalAfterMs ?? Number.POSITIVE_INFINITY).toBeLessThan(10_000)
  const { firstMB, maxMB } = details.memory!
  expect(maxMB - firstMB).toBeLessThan(256)
}, 120_000)
