/**
 * The event loop of a box is blocked, and a stand-in for systemd waits as the unit tells it to (`WatchdogSec=`), kills what it takes
 * for hung, and starts it again after `RestartSec=`.
 *
 *   bun scripts/faults/watchdog.ts [--block-seconds 60] [--rounds 3]
 */
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { startBox } from "../../tests/support/box.ts"
import { openNotifyListener } from "../../tests/support/notify-listener.ts"
import { tempFolder } from "../../tests/support/shared.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { roundTo } from "../bench/support/statistics.ts"
import { check, conclude } from "./support/verdict.ts"

const table = { "block-seconds": { type: "string" }, rounds: { type: "string" } } as const
const schema = z.strictObject({ blockSeconds: count.default(60), rounds: count.default(3) })
const usage = "watchdog [--block-seconds 60] [--rounds 3]"
const { blockSeconds, rounds } = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), usage)

const noticedSecondsMax = 30
const lookEveryMs = 50

const unit = await Bun.file(join(projectRoot, "edge-config/systemd/gatehouse.service")).text()
const secondsOf = (key: string) =>
  z.coerce
    .number()
    .positive()
    .parse(new RegExp(`^${key}=(\\d+)s$`, "m").exec(unit)?.[1])
const [watchSeconds, restartSeconds] = [secondsOf("WatchdogSec"), secondsOf("RestartSec")]

using folder = tempFolder()
const noticed: number[] = []
const back: number[] = []
for (let round = 1; round <= rounds; round++) {
  const blockedTickMs = await blockAndKill(folder.file(`notify-${round}`))
  await Bun.sleep(restartSeconds * 1000)
  await using again = await startBox(folder.file("data"))
  if ((await fetch(`${again.url}/healthz`)).ok) back.push(secondsSince(blockedTickMs))
}

await conclude(`R7: an event loop blocked for ${blockSeconds} s, ${rounds} times, WatchdogSec=${watchSeconds}`, [
  check(`noticed ≤ ${noticedSecondsMax} s later`, `${noticed.join(", ")} s`, Math.max(...noticed) <= noticedSecondsMax),
  check("the next start answers", `${back.join(", ")} s after the block began`, back.length === rounds),
])

/** @returns when the block began */
async function blockAndKill(address: string): Promise<number> {
  using listener = openNotifyListener(address)
  const box = await startBox(folder.file("data"), {
    NOTIFY_SOCKET: address,
    WATCHDOG_USEC: String(watchSeconds * 1e6),
    BUN_OPTIONS: `--preload ${join(projectRoot, "tests/support/block-loop.ts")}`,
    BLOCK_MS: String(blockSeconds * 1000),
  })
  await listener.until("WATCHDOG=1", 1)
  const blockedTickMs = performance.now()
  box.process.kill("SIGUSR2")
  // As systemd does: from the newest beat on, whenever that was.
  const beatTickMs = () => listener.heard.findLast(({ text }) => text === "WATCHDOG=1")?.atTickMs ?? blockedTickMs
  while (performance.now() - beatTickMs() < watchSeconds * 1000) await Bun.sleep(lookEveryMs)
  noticed.push(secondsSince(blockedTickMs))
  box.process.kill("SIGKILL")
  await box.process.exited
  return blockedTickMs
}

function secondsSince(tickMs: number): number {
  return roundTo((performance.now() - tickMs) / 1000, 1)
}
