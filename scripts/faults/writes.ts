/**
 * Promise R2: the box is killed at each single write, sync, truncation, renaming and removal in its data folder, one after the
 * other: from an empty folder, from one that holds people, and from one of an older program that it brings up to date; and so
 * are `gatehouse backup` and `gatehouse restore`.
 *
 *   bun scripts/faults/writes.ts [--points 320]
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { makeBackup } from "../../app/backup/make.ts"
import { projectRoot } from "../../app/base/paths.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { summarise } from "../bench/support/statistics.ts"
import { startBoxOn } from "./storage/box.ts"
import { dumpDatabase } from "./storage/dump.ts"
import { createLedger, spaceOf } from "./storage/ledger.ts"
import { smallFrame } from "./storage/picture.ts"
import { type KilledAt, killAt, listPoints, type Point } from "./storage/points.ts"
import { type BackedUp, type Command, killCommandAt, listCommandPoints } from "./storage/restores.ts"
import { straceRefusal } from "./storage/strace.ts"
import { type Check, check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ points: count.default(320) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { points: { type: "string" } }, schema), "writes [--points 320]")
const refusal = await straceRefusal()
if (refusal !== undefined) throw new Error(refusal)

const readyMsMax = 3000
const folder = await mkdtemp(join(tmpdir(), "gatehouse-writes-"))
const picture = await smallFrame()
const work = join(folder, "work")
await mkdir(work)
try {
  const filled = await fillFolder(join(folder, "filled"))
  const older = join(projectRoot, "tests/fixtures/data-2")
  const checks: Check[] = []
  for (const [what, base] of [
    ["an empty folder", undefined],
    ["a gallery", filled.dataFolder],
    ["an older program's gallery", older],
  ] as const)
    checks.push(...(await runBoxes(what, base)))
  for (const command of ["backup", "restore"] as const) checks.push(await runCommands(command, filled))
  await conclude("R2: killed at each write", checks)
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Spread over all there are, the same share of each call. */
function spread(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points]
  return Array.from({ length: most }, (_, at) => points[Math.floor((at * points.length) / most)]!)
}

async function runBoxes(what: string, base: string | undefined): Promise<Check[]> {
  const all = await listPoints(work, base, picture)
  const points = spread(all, Math.ceil(options.points / 4))
  const results: KilledAt[] = []
  for (const [at, point] of points.entries()) {
    const result = await killAt(work, base, point, picture)
    results.push(result)
    if (result.lost.length + result.damaged.length > 0)
      console.log(`${what}, ${point.call} ${point.n}: ${[...result.lost, ...result.damaged].join("; ")}`)
    if ((at + 1) % 20 === 0) console.log(`${what}: ${at + 1} of ${points.length} points`)
  }
  const wrong = results.filter(({ lost, damaged }) => lost.length + damaged.length > 0).length
  const ready = summarise(results.map(({ readyMs }) => readyMs))
  const acknowledged = results.reduce((sum, result) => sum + result.acknowledged, 0)
  const killed = results.filter((result) => result.killed).length
  return [
    check(
      `from ${what}: nothing acknowledged is lost`,
      `${wrong} of ${points.length} points wrong (${all.length} there are; ${killed} killed the box), ${acknowledged} acknowledged`,
      wrong === 0,
    ),
    check(
      `from ${what}: it takes work again < ${readyMsMax / 1000} s`,
      `p50 ${ready.p50} ms, p99 ${ready.p99} ms (n ${ready.n})`,
      ready.p99 < readyMsMax,
    ),
  ]
}

async function runCommands(command: Command, given: BackedUp): Promise<Check> {
  const all = await listCommandPoints(work, given, command)
  const points = spread(all, Math.ceil(options.points / 8))
  let wrong = 0
  let killed = 0
  for (const point of points) {
    const result = await killCommandAt(work, given, command, point)
    if (result.killed) killed++
    if (result.wrong.length > 0) {
      wrong++
      console.log(`${command}, ${point.call} ${point.n}: ${result.wrong.join("; ")}`)
    }
  }
  const promise =
    command === "backup"
      ? "gatehouse backup: the gallery is untouched, the file is whole or not there"
      : "gatehouse restore: the old gallery or the new one, or a refusal and the new one when run again"
  return check(promise, `${wrong} of ${points.length} points wrong (${all.length} there are; ${killed} killed it)`, wrong === 0)
}

/** A gallery with a backup of what it was a moment before. */
async function fillFolder(dataFolder: string): Promise<BackedUp> {
  const box = await startBoxOn(dataFolder)
  if (box === undefined) throw new Error("the box did not start")
  const ledger = createLedger(await spaceOf(box), picture)
  const fill = async () => {
    for (const operation of ["enrol", "see", "enrol", "rename", "see"] as const) await ledger.act(operation, box)
  }
  await fill()
  const file = `${dataFolder}.backup`
  const made = await makeBackup(dataFolder, file)
  if (made.kind === "failed") throw new Error(made.why)
  const older = dumpDatabase(join(dataFolder, "gatehouse.db"))
  await fill()
  await box.kill("SIGTERM")
  return { dataFolder, file, older, present: dumpDatabase(join(dataFolder, "gatehouse.db")) }
}
