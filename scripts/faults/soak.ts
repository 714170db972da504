/**
 * Promise R10: ten minutes at four fifths of what the box can do.
 *
 *   bun scripts/faults/soak.ts [--share 0.8] [--seconds 600]
 */
import { z } from "zod"
import { optionsOrExit, positive, readOptions } from "../bench/support/options.ts"
import { readUsage } from "../bench/support/processes.ts"
import { startFaultBox } from "./support/box.ts"
import { runLoad, unstatedAnswers } from "./support/load.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { share: { type: "string" }, seconds: { type: "string" } } as const
const schema = z.strictObject({ share: positive.default(0.8), seconds: positive.default(600) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), "soak [--share 0.8] [--seconds 600]")

const slopeMBPerMinuteMax = 1
const grownShareMax = 0.05
const descriptorsMax = 5

/** So long after the last request its connections are closed. */
const restMs = 15_000

// A backup would begin after ten minutes: another process, and no leak.
await using box = await startFaultBox({ backup: { everyHours: 0 } })
await runLoad(box, { rate: 10, seconds: 10, out: ".cache/faults/soak-before.json" })
const before = await descriptorsAtRest()
const details = await runLoad(box, { multiple: options.share, seconds: options.seconds, out: ".cache/faults/soak.json" })
const { memory, acceptedMs } = details
if (memory === undefined) throw new Error("the run was too short to say anything about memory: give it 10 s and more")

const { slopeMBPerMinute, parentSlopeMBPerMinute, firstMB, lastMB, descriptors } = memory
const after = await descriptorsAtRest()
const grownShare = (lastMB - firstMB) / firstMB
const unstated = unstatedAnswers(details)
await conclude(`R10: ${details.ratePerSecond.toFixed(1)} requests a second for ${options.seconds} s`, [
  check(
    "memory grows by less than 1 MB a minute",
    `${slopeMBPerMinute} MB (parent ${parentSlopeMBPerMinute})`,
    slopeMBPerMinute < slopeMBPerMinuteMax,
  ),
  check(
    "… and by less than 5 % in all",
    `${firstMB} → ${lastMB} MB, ${(grownShare * 100).toFixed(1)} %`,
    grownShare < grownShareMax,
  ),
  check(
    "descriptors at rest ± 5",
    `${before} before, ${after} afterwards; ${descriptors.min} … ${descriptors.max} meanwhile, connections included`,
    Math.abs(after - before) <= descriptorsMax,
  ),
  check(
    "only stated answers",
    unstated.length === 0 ? JSON.stringify(details.statuses) : unstated.join(", "),
    unstated.length === 0,
  ),
  check("accepted in time", `p50 ${acceptedMs.p50} ms, p99 ${acceptedMs.p99} ms (n ${acceptedMs.n})`, acceptedMs.n > 0),
])

async function descriptorsAtRest(): Promise<number> {
  await Bun.sleep(restMs)
  const usage = await readUsage(box.pid)
  if (usage === undefined) throw new Error("the box is gone")
  return usage.parentDescriptors + usage.engineDescriptors
}
