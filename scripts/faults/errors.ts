/**
 * Promise R4: each write and each sync of a running box fails, with an I/O error and with a full disk, once and for a while. It
 * never acknowledges what it does not hold, and writes again as soon as the disk does.
 *
 *   bun scripts/faults/errors.ts [--points 120]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { summarise } from "../bench/support/statistics.ts"
import { startBoxOn } from "./storage/box.ts"
import { type DiskFault, suffer } from "./storage/errors.ts"
import { createLedger, spaceOf } from "./storage/ledger.ts"
import { smallFrame } from "./storage/picture.ts"
import { straceRefusal } from "./storage/strace.ts"
import { check, conclude } from "./support/verdict.ts"

const schema = z.strictObject({ points: count.default(120) })
const options = optionsOrExit(readOptions(Bun.argv.slice(2), { points: { type: "string" } }, schema), "errors [--points 120]")
const refusal = await straceRefusal()
if (refusal !== undefined) throw new Error(refusal)

const folder = await mkdtemp(join(tmpdir(), "gatehouse-errors-"))
try {
  const box = await startBoxOn(join(folder, "data"))
  if (box === undefined) throw new Error("the box did not start")
  const ledger = createLedger(await spaceOf(box), await smallFrame())
  const wrong: string[] = []
  const againMs: number[] = []
  let [hit, refused] = [0, 0]
  const faults = [...allFaults(options.points)]
  for (const [at, fault] of faults.entries()) {
    const told = await suffer(folder, box, ledger, fault)
    if (told.failed > 0) hit++
    refused += told.refused
    againMs.push(told.writesAgainMs)
    for (const what of [...told.lost, ...told.damaged]) wrong.push(`${JSON.stringify(fault)}: ${what}`)
    if ((at + 1) % 20 === 0) console.log(`${at + 1} of ${faults.length} faults, ${hit} hit, ${refused} refused`)
    if (wrong.length > 0) break
  }
  await box.kill("SIGKILL")
  // What is on disk, and not only in the memory of that box.
  const again = await startBoxOn(join(folder, "data"))
  const { lost, damaged } = ledger.check(join(folder, "data", "gatehouse.db"))
  await again?.kill("SIGKILL")
  wrong.push(...[...lost, ...damaged].map((what) => `after the end: ${what}`))
  const writes = summarise(againMs)
  await conclude("R4: I/O errors and a full disk, at each write", [
    check(
      "nothing acknowledged is lost, nothing is damaged",
      `${wrong.length} wrong in ${faults.length} faults (${hit} hit), ${ledger.acknowledged()} acknowledged, ${refused} refused ${wrong.slice(0, 3).join("; ")}`,
      wrong.length === 0 && again !== undefined,
    ),
    check(
      "it writes again < 5 s after the fault",
      `p50 ${writes.p50} ms, longest ${writes.max} ms (n ${writes.n})`,
      writes.max < 5000,
    ),
  ])
} finally {
  await rm(folder, { recursive: true, force: true })
}

function* allFaults(points: number): Generator<DiskFault> {
  for (let at = 0; at < points; at++) {
    const error = at % 2 === 0 ? "EIO" : "ENOSPC"
    const lasting = at % 4 >= 2
    // A journey has some forty writes and nine syncs.
    const call = (["pwrite64", "pwrite64", "fsync", "fsync", "pwrite64", "pwrite64"] as const)[at % 6] ?? "pwrite64"
    yield { call, error, lasting, n: call === "fsync" ? 1 + ((at >> 1) % 9) : 1 + ((at >> 1) % 40) }
  }
}
