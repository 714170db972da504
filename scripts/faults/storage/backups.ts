import { rm } from "node:fs/promises"
import { join } from "node:path"
import { selfCommand } from "../../../app/base/self.ts"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { startBoxOn } from "./box.ts"
import { dumpDatabase, faultsOf } from "./dump.ts"
import { createLedger, type Operation, spaceOf } from "./ledger.ts"

export interface BackedUpAndRestored {
  readonly loops: number
  /** What was not as it should be, with the loop. */
  readonly wrong: readonly string[]
  readonly acknowledged: number
  /** Acknowledged while backups were being made. */
  readonly acknowledgedMeanwhile: number
  /** Of each backup under load, and of each request to the health of the box meanwhile. */
  readonly backupMs: readonly number[]
  readonly meanwhileMs: readonly number[]
  /** The same request under the same load, just before. */
  readonly beforeMs: readonly number[]
}

const round: readonly Operation[] = ["enrol", "see", "enrol", "rename", "enrol", "remove", "see", "unsee"]
const writers = 3

/**
 * Backs up a box under load again and again, restores each backup into an empty folder, and compares what both say: row for row
 * with the backup, and with the box itself once nobody writes.
 */
export async function backUpAndRestore(
  folder: string,
  loops: number,
  picture: () => Uint8Array<ArrayBuffer>,
  step?: (loop: number) => void,
): Promise<BackedUpAndRestored> {
  const dataFolder = join(folder, "data")
  const restored = join(folder, "restored")
  const file = join(folder, "one.backup")
  const box = await startBoxOn(dataFolder)
  if (box === undefined) throw new Error("the box did not start")
  await using _ = box
  const ledger = createLedger(await spaceOf(box), picture)
  const wrong: string[] = []
  const backupMs: number[] = []
  const meanwhileMs: number[] = []
  const beforeMs: number[] = []
  let acknowledgedMeanwhile = 0

  const say = (loop: number, what: string) => wrong.push(`loop ${loop}: ${what}`)
  async function backUp(loop: number): Promise<void> {
    await rm(file, { force: true })
    if ((await run("backup", file, "--data", dataFolder)) !== 0) say(loop, "no backup was made")
  }
  async function restore(loop: number): Promise<string> {
    await rm(restored, { recursive: true, force: true })
    if ((await run("restore", file, "--data", restored)) !== 0) say(loop, "it could not be restored")
    return join(restored, "gatehouse.db")
  }

  async function askHealth(into: number[]): Promise<void> {
    const askedTickMs = nowTickMs()
    await (await box?.ask("/healthz"))?.arrayBuffer()
    into.push(nowTickMs() - askedTickMs)
    await Bun.sleep(5)
  }

  for (let loop = 1; loop <= loops; loop++) {
    let writing = true
    const load = Array.from({ length: writers }, async (_, writer) => {
      for (let turn = writer * 2; writing; turn++) await ledger.act(round[turn % round.length] ?? "enrol", box)
    })
    const before = ledger.acknowledged()
    while (ledger.acknowledged() < before + 10) await askHealth(beforeMs)

    const mark = ledger.mark()
    const marked = ledger.acknowledged()
    const startTickMs = nowTickMs()
    let making = true
    const asking = (async () => {
      while (making) await askHealth(meanwhileMs)
    })()
    await backUp(loop)
    making = false
    backupMs.push(nowTickMs() - startTickMs)
    await asking
    acknowledgedMeanwhile += ledger.acknowledged() - marked
    const copy = await restore(loop)
    if (!Bun.deepEquals(dumpDatabase(file), dumpDatabase(copy))) say(loop, "what was restored is not what was backed up")
    const { lost, damaged } = ledger.checkCopy(mark, copy)
    for (const what of [...lost, ...damaged, ...faultsOf(copy)]) say(loop, what)

    writing = false
    await Promise.all(load)
    await backUp(loop)
    if (!Bun.deepEquals(dumpDatabase(join(dataFolder, "gatehouse.db")), dumpDatabase(await restore(loop))))
      say(loop, "what was restored is not what the box holds")
    step?.(loop)
  }
  // The box that ran all the while is none the worse, and a restored one starts.
  for (const what of ledger.check(join(dataFolder, "gatehouse.db")).lost) say(loops, what)
  const second = await startBoxOn(restored)
  if (second === undefined) say(loops, "a restored box does not start")
  await second?.kill("SIGTERM")
  return { loops, wrong, acknowledged: ledger.acknowledged(), acknowledgedMeanwhile, backupMs, meanwhileMs, beforeMs }
}

async function run(...told: string[]): Promise<number> {
  const child = Bun.spawn([...selfCommand(), ...told], { stdin: "ignore", stdout: "ignore", stderr: "inherit" })
  return await child.exited
}
