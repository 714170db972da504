import { expect, test } from "bun:test"
import { join } from "node:path"
import { makeBackup } from "../../app/backup/make.ts"
import { dumpDatabase } from "../../scripts/faults/storage/dump.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { killAt, listPoints } from "../../scripts/faults/storage/points.ts"
import { killCommandAt, listCommandPoints } from "../../scripts/faults/storage/restores.ts"
import { straceRefusal } from "../../scripts/faults/storage/strace.ts"
import { dumpOfBackup, openFilledFolder } from "../backup/support.ts"
import { tempFolder } from "../support/shared.ts"

// scripts/faults/writes.ts goes to every write; here a few, so that the way there stays open.
const refusal = await straceRefusal()

test.skipIf(refusal !== undefined)(
  "killed in the middle of a write, a sync and a removal, the box has all it acknowledged",
  async () => {
    using folder = tempFolder()
    const picture = await smallFrame()
    const points = await listPoints(folder.path, undefined, picture)
    expect(points.length).toBeGreaterThan(100)
    const writes = points.filter(({ call, main }) => call === "pwrite64" && main)
    const syncs = points.filter(({ call }) => call === "fsync" || call === "fdatasync")
    // Late in its life: people have been enrolled, and something is lost if anything can be.
    for (const point of [writes.at(-60), syncs.at(-8), points.findLast(({ call }) => call === "unlink")]) {
      if (point === undefined) throw new Error("a life of the box has writes, syncs and removals")
      const { killed, lost, damaged, acknowledged } = await killAt(folder.path, undefined, point, picture)
      expect({ point, killed, lost, damaged }).toEqual({ point, killed: true, lost: [], damaged: [] })
      expect(acknowledged).toBeGreaterThan(0)
    }
  },
  240_000,
)

test.skipIf(refusal !== undefined)(
  "killed at any moment, a restore leaves the old gallery, the new one, or a folder that no box starts on",
  async () => {
    using folder = tempFolder()
    const [dataFolder, file] = [folder.file("filled"), folder.file("one.backup")]
    const path = join(dataFolder, "gatehouse.db")
    {
      await using box = await openFilledFolder(dataFolder)
      const made = await makeBackup(dataFolder, file)
      if (made.kind === "failed") throw new Error(made.why)
      box.add("Later")
    }
    const older = await dumpOfBackup(file, folder.file("older"))
    const given = { dataFolder, file, older, present: dumpDatabase(path) }
    expect(given.older).not.toEqual(given.present)
    using work = tempFolder()
    const points = await listCommandPoints(work.path, given, "restore")
    expect(points.length).toBeGreaterThan(5)
    let killed = 0
    for (const point of points.filter(({ call }) => /rename|unlink|fsync/.test(call))) {
      const result = await killCommandAt(work.path, given, "restore", point)
      expect({ point, wrong: result.wrong }).toEqual({ point, wrong: [] })
      if (result.killed) killed++
    }
    // Not all: which of Bun's threads makes the n-th call differs from run to run.
    expect(killed).toBeGreaterThan(3)
  },
  240_000,
)
