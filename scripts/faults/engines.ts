/**
 * Promise R7: engines killed and stopped under load, one after the other, in a box of two engines and in a box of one.
 *
 *   bun scripts/faults/engines.ts [--hits 50] [--clients 2] [--engines 2] [--signal SIGKILL]
 */
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { asNeverSeen, cameraFrame } from "../bench/support/pictures.ts"
import { summarise } from "../bench/support/statistics.ts"
import { type HitOptions, hitEngines, isStated } from "./engines/hit.ts"
import { startFaultBox } from "./support/box.ts"
import { type Check, check, conclude } from "./support/verdict.ts"

const table = {
  hits: { type: "string" },
  clients: { type: "string" },
  engines: { type: "string" },
  signal: { type: "string" },
} as const
const schema = z.strictObject({
  hits: count.default(50),
  clients: count.default(2),
  engines: count.optional(),
  signal: z.enum(["SIGKILL", "SIGSTOP"]).optional(),
})
const usage = "engines [--hits 50] [--clients 2] [--engines N: 2, then 1] [--signal SIGKILL | SIGSTOP: both]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

/** What a caller may have to wait at worst: starting anew, and noticing that a run hangs (`inference.stuckRunMs`) before that. */
const gapMsMax = { SIGKILL: 2000, SIGSTOP: 12_000 } as const

const frame = await cameraFrame()
const checks: Check[] = []
for (const engines of options.engines === undefined ? [2, 1] : [options.engines])
  for (const signal of options.signal === undefined ? (["SIGKILL", "SIGSTOP"] as const) : [options.signal])
    checks.push(...(await run({ signal, engines })))
await conclude(`R7: ${options.hits} hits each, ${options.clients} clients without pause`, checks)

async function run({ signal, engines }: Pick<HitOptions, "signal" | "engines">): Promise<Check[]> {
  await using box = await startFaultBox({ inference: { engines } })
  const picture = () => asNeverSeen(frame)
  const hitting = { signal, engines, picture, hits: options.hits, clients: options.clients }
  const { gapsMs, healedMs, answers } = await hitEngines(box, hitting, (hit) => {
    if (hit % 10 === 0) console.log(`${engines} engine(s), ${signal}: ${hit} of ${options.hits}`)
  })
  const gaps = summarise(gapsMs)
  const healed = summarise(healedMs)
  const counts = Map.groupBy(answers, ({ status }) => status)
  const told = [...counts].map(([status, of]) => `${status}: ${of.length}`).join(", ")
  const wrong = answers.filter((answer) => !isStated(answer)).length
  const name = `${engines} engine${engines === 1 ? "" : "s"}, ${signal}`
  return [
    check(
      `${name}: gap p99 < ${gapMsMax[signal] / 1000} s`,
      `p50 ${gaps.p50} ms, p99 ${gaps.p99} ms, whole again p99 ${healed.p99} ms (n ${gaps.n})`,
      gaps.p99 < gapMsMax[signal],
    ),
    check(`${name}: else 200, or 429/503 with Retry-After`, `${wrong} others; ${told}`, wrong === 0),
  ]
}
