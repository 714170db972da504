import { expect, test } from "bun:test"
import { existsSync, readdirSync, statSync } from "node:fs"
import { claimDataFolder, holdDataFolder, openDataFolder } from "../../app/store/data-folder.ts"
import { openReserve } from "../../app/store/reserve.ts"
import { tempFolder } from "../support/shared.ts"

test("many may hold a folder, in this process and others; only one may claim it, and only for itself", async () => {
  using folder = tempFolder()
  const first = holdDataFolder(folder.path)
  const second = holdDataFolder(folder.path)
  if (first.kind === "failed" || second.kind === "failed") throw new Error("held twice")
  expect(claimDataFolder(folder.path).kind).toBe("failed")
  first.value[Symbol.dispose]()
  expect(claimDataFolder(folder.path).kind).toBe("failed")
  second.value[Symbol.dispose]()

  const other = Bun.spawn([process.execPath, `${import.meta.dir}/holding-process.ts`, folder.path], { stdout: "pipe" })
  for await (const chunk of other.stdout) if (Buffer.from(chunk).includes("held")) break
  expect(claimDataFolder(folder.path)).toMatchObject({ kind: "failed", why: expect.stringContaining("stop the box") })
  // However it ends.
  other.kill("SIGKILL")
  await other.exited
  const claimed = claimDataFolder(folder.path)
  if (claimed.kind === "failed") throw new Error(claimed.why)
  expect(openDataFolder(folder.path)).toMatchObject({ kind: "failed", why: expect.stringContaining("is being restored") })
  claimed.value[Symbol.dispose]()
  expect(readdirSync(folder.path)).toEqual(["gatehouse.lock"])
})

test("a full disk releases the reserve, once; it is taken back when there is plenty", () => {
  using folder = tempFolder()
  const path = folder.file("gatehouse.reserve")
  const opened = openDataFolder(folder.path)
  if (opened.kind === "failed") throw new Error(opened.why)
  expect(statSync(path).size).toBe(4 * 1024 * 1024)
  opened.store.prepare("create table notes (text text) strict").run()
  opened.store.prepare("pragma max_page_count = 3").get()
  expect(() => opened.store.prepare("insert into notes values (?)").run("x".repeat(1_000_000))).toThrow("is full")
  expect(existsSync(path)).toBe(false)
  opened.store.close()
  const reserve = openReserve(path)
  expect(reserve.release()).toBe(false)
  reserve.keep()
  expect(reserve.release()).toBe(true)
})
