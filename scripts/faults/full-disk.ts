/**
 * Promise R5: a box on a disk of 32 MB, which its own sightings fill, and then another program. Recognition goes on, old sightings
 * leave, nobody is forgotten. In a mount namespace of its own, which needs `unshare` and leave to use it.
 *
 *   bun scripts/faults/full-disk.ts [--pictures 1000] [--megabytes 32]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { asNeverSeen, cameraFrame } from "../bench/support/pictures.ts"
import { fillDisk } from "./storage/full-disk.ts"
import { smallFrame } from "./storage/picture.ts"
import { inOwnNamespace, mountCommand } from "./storage/small-disk.ts"
import { check, conclude } from "./support/verdict.ts"

const inside = "GATEHOUSE_FULL_DISK_INSIDE"
if (process.env[inside] === undefined) {
  const command = [...inOwnNamespace, process.execPath, import.meta.path, ...Bun.argv.slice(2)]
  const child = Bun.spawn(command, { env: { ...process.env, [inside]: "1" }, stdout: "inherit", stderr: "inherit" })
  process.exit(await child.exited)
}

const table = { pictures: { type: "string" }, megabytes: { type: "string" } } as const
const schema = z.strictObject({ pictures: count.default(1000), megabytes: count.default(32) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), table, schema), "full-disk [--pictures 1000] [--megabytes 32]")

const shareMin = 0.999
const disk = await mkdtemp(join(tmpdir(), "gatehouse-disk-"))
const mounted = Bun.spawnSync(mountCommand(disk, options.megabytes))
if (mounted.exitCode !== 0) throw new Error(`no small disk could be made: ${mounted.stderr.toString().trim()}`)
try {
  const frame = await cameraFrame()
  const told = await fillDisk(disk, options.pictures, await smallFrame(), () => asNeverSeen(frame))
  const share = (counts: Readonly<Record<string, number>>) => (counts["200"] ?? 0) / options.pictures
  await conclude(`R5: a disk of ${options.megabytes} MB`, [
    check("recognition goes on: ≥ 99.9 % 200", JSON.stringify(told.recognized), share(told.recognized) >= shareMin),
    check("… and is recorded: ≥ 99.9 % 200", JSON.stringify(told.ingested), share(told.ingested) >= shareMin),
    check("old sightings leave", `${told.kept} kept of ${told.recorded}`, told.kept < told.recorded && told.kept > 0),
    check(
      "people never do",
      `${told.lost.length} lost of ${told.enrolled} enrolled, ${told.enrolmentsRefused} refused ${told.lost.slice(0, 3).join("; ")}`,
      told.lost.length === 0 && told.enrolled > 0,
    ),
    check("nothing is damaged", told.damaged.join("; ") || "nothing", told.damaged.length === 0),
  ])
} finally {
  Bun.spawnSync(["umount", "--lazy", disk])
  await rm(disk, { recursive: true, force: true })
}
