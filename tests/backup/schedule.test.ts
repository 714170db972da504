import { expect, test } from "bun:test"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { makeBackup } from "../../app/backup/make.ts"
import { isDue, keepBackups } from "../../app/backup/schedule.ts"
import { openShelf } from "../../app/backup/shelf.ts"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { tempFolder } from "../support/shared.ts"
import { openFilledFolder } from "./support.ts"

const hourMs = 3_600_000
const nowMs = Date.UTC(2026, 6, 1)
const up = { upMs: hourMs, atMs: nowMs, failed: false }

test.each([
  ["ten minutes after the first start", up, undefined, true],
  ["not at once after the start", { ...up, upMs: 1000 }, undefined, false],
  ["a day after the last one", up, { createdAtMs: nowMs - 25 * hourMs }, true],
  ["not before that", up, { createdAtMs: nowMs - 23 * hourMs }, false],
  ["by ticks within a run, whatever the clock says", { ...up, sinceTryMs: 23 * hourMs }, { createdAtMs: 0 }, false],
  ["a day of ticks after the last try", { ...up, sinceTryMs: 24 * hourMs }, { createdAtMs: nowMs }, true],
  ["an hour after one that failed", { ...up, sinceTryMs: hourMs, failed: true }, undefined, true],
  ["when the clock was far ahead and was mended", up, { createdAtMs: nowMs + 3650 * 24 * hourMs }, true],
] as const)("a backup is due: %s", (_when, now, newest, due) => {
  expect(isDue(now, newest, 24)).toBe(due)
  expect(isDue(now, newest, 0)).toBe(false)
})

test("order and retention go by number, not by clocks; the newest stays whatever its size", async () => {
  using folder = tempFolder()
  await using _ = await openFilledFolder(folder.path)
  const shelf = openShelf(folder.path, { folder: "backups", keep: 2, bytesMax: 1e9 })
  const names: string[] = []
  for (const atMs of [nowMs, nowMs + 3650 * 24 * hourMs, 0]) {
    const { file, number } = await shelf.next(atMs)
    const made = await makeBackup(folder.path, file, number)
    if (made.kind === "failed") throw new Error(made.why)
    names.push(file.slice(file.lastIndexOf("/") + 1))
  }
  expect((await shelf.trim()).map(({ name }) => name)).toEqual([names[0]!])
  expect((await shelf.list()).map(({ number }) => number)).toEqual([3, 2])
  const tight = openShelf(folder.path, { folder: "backups", keep: 2, bytesMax: 1 })
  await tight.trim()
  expect((await tight.list()).map(({ name }) => name)).toEqual([names[2]!])
})

test("while the newest cannot be read, none leaves", async () => {
  using folder = tempFolder()
  mkdirSync(folder.file("backups"))
  const shelf = openShelf(folder.path, { folder: "backups", keep: 1, bytesMax: 1e9 })
  for (const number of [1, 2]) writeFileSync(folder.file("backups", `gatehouse-00000${number}-20260101T000000Z.backup`), "cut")
  expect(await shelf.trim()).toEqual([])
  expect(await shelf.list()).toHaveLength(2)
})

test("drafts of processes that were killed are cleared, others are left", async () => {
  using folder = tempFolder()
  mkdirSync(folder.file("backups"))
  const dead = Bun.spawn(["true"])
  await dead.exited
  writeFileSync(folder.file("backups", `a.backup.draft-${dead.pid}`), "")
  writeFileSync(folder.file("backups", `b.backup.draft-${process.pid}`), "")
  await openShelf(folder.path, { folder: "backups", keep: 1, bytesMax: 1e9 }).next(nowMs)
  expect(readdirSync(folder.file("backups"))).toEqual([`b.backup.draft-${process.pid}`])
})

test("one at a time; a failure is told until one succeeds; closing gives up the one that is being made", async () => {
  using folder = tempFolder()
  const shelf = openShelf(folder.path, { folder: "backups", keep: 1, bytesMax: 1e9 })
  const metrics = createMetrics()
  let settle = (_made: { kind: "ok"; value: undefined } | { kind: "failed"; why: string }) => {}
  let aborted = false
  let begun = 0
  const make = (_file: string, _number: number, signal: AbortSignal) =>
    new Promise<{ kind: "ok"; value: undefined } | { kind: "failed"; why: string }>((resolve) => {
      settle = resolve
      begun++
      signal.addEventListener("abort", () => {
        aborted = true
        resolve({ kind: "failed", why: "given up" })
      })
    })
  const backups = keepBackups({ shelf, make, metrics, log: silentLog }, { everyHours: 24 })
  /** Until the n-th backup is being made. */
  const making = async (n: number) => {
    while (begun < n) await Bun.sleep(1)
  }
  const idle = async () => {
    while (backups.status().state === "running") await Bun.sleep(1)
  }
  expect(backups.begin()).toBe("begun")
  expect(backups.begin()).toBe("busy")
  await making(1)
  settle({ kind: "failed", why: "no room" })
  await idle()
  expect(backups.status()).toEqual({ state: "idle", failure: "no room" })
  backups.begin()
  await making(2)
  settle({ kind: "ok", value: undefined })
  await idle()
  expect(backups.status()).toEqual({ state: "idle" })
  expect(await metrics.backupsTotal.values()).toMatchObject({ made: 1, failed: 1 })
  backups.begin()
  await making(3)
  await backups.close()
  expect(aborted).toBe(true)
  expect(backups.begin()).toBe("busy")
})
