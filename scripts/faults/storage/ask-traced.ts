import { join } from "node:path"
import { type StorageBoxOptions, startBoxOn } from "./box.ts"
import { createLedger, type Operation, spaceOf } from "./ledger.ts"
import { readTrace } from "./strace.ts"
import { checkSynced, type SyncedAnswers } from "./synced.ts"

/** One after the other, so that each write belongs to one request. */
const operations: readonly Operation[] = ["enrol", "rename", "enrol", "remove", "see", "unsee"]

/**
 * Asks a box for at least `answers` writes under strace, and holds each answer against the syncs before it.
 * @param relaxed the kernel is never asked to sync, and the box is told that it went well: what a box that saves itself the wait
 *   would look like
 * @param config of the box, over that of these runs
 */
export async function askTraced(
  folder: string,
  answers: number,
  picture: () => Uint8Array<ArrayBuffer>,
  relaxed: boolean,
  config: StorageBoxOptions["config"] = {},
): Promise<SyncedAnswers> {
  const log = join(folder, "synced.log")
  const calls = "trace=recvfrom,sendto,write,writev,pwrite64,fsync,fdatasync"
  const skipping = relaxed ? ["-e", "inject=fsync,fdatasync:retval=0"] : []
  const box = await startBoxOn(join(folder, "data"), {
    // Paths of descriptors, and enough of a request to see its first line.
    config,
    prefix: ["strace", "-D", "-yy", "-s", "80", "-o", log, "-e", calls, ...skipping],
  })
  if (box === undefined) throw new Error("the box did not start under strace")
  const ledger = createLedger(await spaceOf(box), picture)
  for (let turn = 0; ledger.acknowledged() < answers; turn++) {
    const told = await ledger.act(operations[turn % operations.length] ?? "enrol", box)
    if (told === "cut") throw new Error("the box is gone")
  }
  await box.kill("SIGTERM")
  return checkSynced(await readTrace(log))
}
