import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { lastWords, startBoxOn } from "./box.ts"
import { createLedger, spaceOf, type Verdict } from "./ledger.ts"

/** Where Debian puts the library that tells a program another time. */
const libraries = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`)

export function fakeTimeLibrary(): string | undefined {
  return libraries.find((path) => existsSync(path))
}

/** What the wall clock says when the box starts, and what it is moved to while the box runs. */
export interface ClockCase {
  readonly name: string
  readonly atStart: string
  readonly later?: string
}

const right = "+0"
const battery = "@1970-01-01 00:00:10"

/** As libfaketime takes them. A box without a battery begins at 1970, until it hears the time. */
export const clockCases: readonly ClockCase[] = [
  { name: "started 400 days behind", atStart: "-400d" },
  { name: "started ten years ahead", atStart: "+10y" },
  { name: "started an hour ahead", atStart: "+1h" },
  { name: "started an hour behind", atStart: "-1h" },
  { name: "started in 1970", atStart: battery },
  { name: "400 days back while it runs", atStart: right, later: "-400d" },
  { name: "ten years on while it runs", atStart: right, later: "+10y" },
  { name: "an hour on while it runs", atStart: right, later: "+1h" },
  { name: "an hour back while it runs", atStart: right, later: "-1h" },
  { name: "started in 1970, then set right", atStart: battery, later: right },
  { name: "ten years ahead, then set right", atStart: "+10y", later: right },
  { name: "400 days behind, then set right", atStart: "-400d", later: right },
]

export interface Jumped extends Verdict {
  readonly name: string
  /** What the box no longer did; empty when all went on. */
  readonly stuck: readonly string[]
}

const heartbeatMs = 500

/**
 * Starts a box once for each case, always on the same folder, moves its clock, and looks whether everything is still there and
 * everything still runs. Ticks are left alone, as a clock that is set leaves them.
 */
export async function jumpClocks(
  folder: string,
  cases: readonly ClockCase[],
  picture: () => Uint8Array<ArrayBuffer>,
  step?: (jumped: Jumped) => void,
): Promise<Jumped[]> {
  const library = fakeTimeLibrary()
  if (library === undefined) throw new Error("libfaketime is not installed (a package of Debian: faketime)")
  const dataFolder = join(folder, "data")
  const clockFile = join(folder, "clock")
  await writeFile(clockFile, right)
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    // Otherwise a jump back is not seen: how old the cached time is, is told by the faked clock.
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  }
  const config = { http: { ratePerSecond: 0, heartbeatMs } }
  const first = await startBoxOn(dataFolder, { env, config })
  if (first === undefined) throw new Error(`the box does not start under libfaketime: ${await lastWords(dataFolder)}`)
  const ledger = createLedger(await spaceOf(first), picture)
  for (const operation of ["enrol", "see", "enrol", "see", "remove", "see"] as const) await ledger.act(operation, first)
  await first.kill("SIGTERM")

  const results: Jumped[] = []
  for (const { name, atStart, later } of cases) {
    await writeFile(clockFile, atStart)
    const box = await startBoxOn(dataFolder, { env, config })
    if (box === undefined) {
      results.push({ name, lost: [], damaged: [], stuck: [`it does not start (${await lastWords(dataFolder)})`] })
      continue
    }
    const stuck: string[] = []
    const work = async (when: string) => {
      for (const operation of ["enrol", "see", "rename"] as const)
        if ((await ledger.act(operation, box)) !== "acknowledged") stuck.push(`${operation} ${when}`)
    }
    await work("before")
    const beats = await box.ask("/v1/sightings/stream")
    if (later !== undefined) await writeFile(clockFile, later)
    await work("after")
    if (!(await beatsWithin(beats, 20 * heartbeatMs))) stuck.push("the heart-beat of a stream")
    if (!(await timersRun(() => box.ask("/metrics")))) stuck.push("timers")
    await box.kill("SIGTERM")
    const jumped = { name, ...ledger.check(join(dataFolder, "gatehouse.db")), stuck }
    results.push(jumped)
    step?.(jumped)
  }
  return results
}

/** A comment line comes on a stream on which nothing happens. */
async function beatsWithin({ body }: Response, ms: number): Promise<boolean> {
  const reader = body?.getReader()
  if (reader === undefined) return false
  const late = Bun.sleep(ms).then(() => "late" as const)
  let text = ""
  while (!/^:/m.test(text)) {
    const next = await Promise.race([reader.read(), late])
    if (next === "late" || next.done) break
    text += Buffer.from(next.value).toString()
  }
  await reader.cancel()
  return /^:/m.test(text)
}

/** The box looks at its own event loop ten times a second, and counts. */
async function timersRun(metrics: () => Promise<Response>): Promise<boolean> {
  const count = async () =>
    Number(/^gatehouse_event_loop_lag_seconds_count(?:\{[^}]*\})? (\d+)/m.exec(await (await metrics()).text())?.[1])
  const before = await count()
  for (let tries = 0; tries < 100; tries++) {
    await Bun.sleep(100)
    if ((await count()) > before + 3) return true
  }
  return false
}
