import { join } from "node:path"
import { lastWords, startBoxOn } from "./box.ts"
import { createLedger, type Ledger, type Operation, spaceOf, type Verdict } from "./ledger.ts"

export interface Kills extends Verdict {
  readonly ledger: Ledger
  /** Of each start after a kill: until it took work again. */
  readonly readyMs: readonly number[]
}

/** What each of the writers does again and again; they take turns at different places. */
const round: readonly Operation[] = ["enrol", "see", "enrol", "rename", "enrol", "remove", "see", "unsee"]
const writers = 4
/** Counted in answers, not in time: a slow machine does not kill a box before it has done anything. */
const answersMax = 30
const waitMsMax = 10_000

/**
 * Kills a box at random moments under load and starts it again on the same folder, `loops` times. After each kill the database
 * is held against what was acknowledged.
 */
export async function killAgainAndAgain(
  folder: string,
  loops: number,
  picture: () => Uint8Array<ArrayBuffer>,
  step?: (loop: number, ledger: Ledger) => void,
): Promise<Kills> {
  const dataFolder = join(folder, "data")
  const readyMs: number[] = []
  const lost: string[] = []
  const damaged: string[] = []
  let ledger: Ledger | undefined
  for (let loop = 0; loop < loops; loop++) {
    const box = await startBoxOn(dataFolder)
    if (box === undefined) throw new Error(`the box did not start again after kill ${loop}: ${await lastWords(dataFolder)}`)
    if (loop > 0) readyMs.push(box.readyMs)
    ledger ??= createLedger(await spaceOf(box), picture)
    const own = ledger
    let killed = false
    const writing = Array.from({ length: writers }, async (_, writer) => {
      for (let turn = writer * 2; !killed; turn++) await own.act(round[turn % round.length] ?? "enrol", box)
    })
    const before = own.acknowledged()
    const answers = 1 + Math.floor(Math.random() * answersMax)
    for (let waitedMs = 0; own.acknowledged() < before + answers && waitedMs < waitMsMax; waitedMs++) await Bun.sleep(1)
    await Bun.sleep(Math.random() * 5)
    const dying = box.kill("SIGKILL")
    killed = true
    await Promise.all([dying, ...writing])
    const verdict = own.check(join(dataFolder, "gatehouse.db"))
    lost.push(...verdict.lost.map((what) => `after kill ${loop + 1}: ${what}`))
    damaged.push(...verdict.damaged.map((what) => `after kill ${loop + 1}: ${what}`))
    step?.(loop + 1, own)
    if (lost.length + damaged.length > 0) break
  }
  if (ledger === undefined) throw new Error("at least one loop")
  return { ledger, readyMs, lost, damaged }
}
