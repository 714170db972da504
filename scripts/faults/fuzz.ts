/**
 * Promise S1: damaged pictures and bombs through HTTP against a box of its own, while a client that means no harm asks about a
 * sound picture four times a second.
 *
 *   bun scripts/faults/fuzz.ts [--count 10000] [--seed 1] [--attackers 2]
 *
 * The same seed sends the same pictures; zzuf adds its own where it is installed. What was answered as nothing should be is
 * kept in .cache/faults/.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { readUsage } from "../bench/support/processes.ts"
import { sendBarrage } from "./pictures/barrage.ts"
import { zzufPath } from "./pictures/zzuf.ts"
import { engineState, startFaultBox } from "./support/box.ts"
import { type GoodClientFigures, startGoodClient } from "./support/good-client.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { count: { type: "string" }, seed: { type: "string" }, attackers: { type: "string" } } as const
const schema = z.strictObject({ count: count.default(10_000), seed: count.default(1), attackers: count.default(2) })
const usage = "fuzz [--count 10000] [--seed 1] [--attackers 2]"
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

const goodEveryMs = 250
const goodP99MsMax = 250
const keptFolder = join(projectRoot, ".cache/faults")

const zzuf = zzufPath()
await using box = await startFaultBox()
// The first seconds of a box compile what is needed on the way.
await goodFor(3)
const unloaded = await goodFor(10)

const before = await engineState(box)
const startedAtMs = Date.now()
const good = startGoodClient(box, "recognise", goodEveryMs)
const barrage = await sendBarrage(box, { ...options, zzuf }, (sent) => {
  if (sent % 1000 === 0) console.log(`${sent} sent, ${((Date.now() - startedAtMs) / 1000).toFixed(0)} s`)
})
const { latencyMs, statuses, requests } = await good.stop()
const after = await engineState(box)
const memory = await readUsage(box.pid)

await keep()
const deaths = after.restarts - before.restarts
console.log(
  `\nanswers: ${JSON.stringify(barrage.statuses)}${zzuf === undefined ? "; zzuf is not installed" : "; every fourth by zzuf"}`,
)
console.log(`good client alone: p50 ${unloaded.latencyMs.p50} ms, p99 ${unloaded.latencyMs.p99} ms (n ${unloaded.latencyMs.n})`)
console.log(`memory afterwards: parent ${memory?.parentMB} MB, ${memory?.engines} engines ${memory?.enginesMB} MB`)
await conclude(`S1: ${options.count} damaged pictures, seed ${options.seed}, ${options.attackers} at once`, [
  check("the box lives", memory === undefined ? "it is gone" : "it does", memory !== undefined),
  check("no engine dies", `${deaths} deaths`, deaths === 0),
  check("only the stated answers", `${barrage.faults.length} others`, barrage.faults.length === 0),
  check(
    "good client p99 < 250 ms",
    `${latencyMs.p99} ms, p50 ${latencyMs.p50} ms (n ${latencyMs.n})`,
    latencyMs.p99 < goodP99MsMax,
  ),
  check("good client always answered 200", JSON.stringify(statuses), statuses["200"] === requests),
])

async function goodFor(seconds: number): Promise<GoodClientFigures> {
  const client = startGoodClient(box, "recognise", goodEveryMs)
  await Bun.sleep(seconds * 1000)
  return await client.stop()
}

async function keep(): Promise<void> {
  if (barrage.faults.length > 0) await mkdir(keptFolder, { recursive: true })
  for (const [index, { status, message, mutant }] of barrage.faults.entries()) {
    const path = join(keptFolder, `seed-${options.seed}-${index}.bin`)
    await Bun.write(path, mutant.bytes)
    console.log(`${status}: ${message}\n  ${mutant.of}, ${mutant.damage.join(", ")} → ${path}`)
  }
}
