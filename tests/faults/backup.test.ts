import { expect, test } from "bun:test"
import { backUpAndRestore } from "../../scripts/faults/storage/backups.ts"
import { startBoxOn } from "../../scripts/faults/storage/box.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { tempFolder } from "../support/shared.ts"

test("a box backed up under load is restored as it was, 2 times", async () => {
  using folder = tempFolder()
  const { wrong, acknowledgedMeanwhile } = await backUpAndRestore(folder.path, 2, await smallFrame())
  expect(wrong).toEqual([])
  expect(acknowledgedMeanwhile).toBeGreaterThan(0)
}, 240_000)

test("a running box makes one when asked, in a process of its own", async () => {
  using folder = tempFolder()
  const box = await startBoxOn(folder.file("data"))
  if (box === undefined) throw new Error("the box did not start")
  await using _ = box
  const status = async () =>
    (await (await box.ask("/v1/system/backups")).json()) as { state: string; failure?: string; items: { number: number }[] }
  expect((await box.ask("/v1/system/backups", { method: "POST" })).status).toBe(202)
  while ((await status()).state === "running") await Bun.sleep(20)
  expect(await status()).toMatchObject({ state: "idle", items: [{ number: 1 }] })
}, 120_000)
