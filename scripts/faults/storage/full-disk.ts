import { rm, statfs, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { startBoxOn } from "./box.ts"
import { createLedger, spaceOf, type Verdict } from "./ledger.ts"

export interface FullDisk extends Verdict {
  /** Answers to pictures by status and problem, of `/v1/recognize` and of `/ingest/door`. */
  readonly recognized: Readonly<Record<string, number>>
  readonly ingested: Readonly<Record<string, number>>
  readonly enrolled: number
  readonly enrolmentsRefused: number
  /** Sightings there are at the end, of those that were recorded. */
  readonly kept: number
  readonly recorded: number
}

/** Snapshots as large as they can be: a small disk is full after a few. */
const config = { sightings: { snapshot: { longestSidePx: 1920, quality: 100 } } }

/**
 * Lets a box run on a small disk until it is full: of its own sightings, then because another program takes all that is left,
 * and once more when that has gone.
 * @param disk a folder that is a file system of its own, of some ten megabytes
 */
export async function fillDisk(
  disk: string,
  pictures: number,
  small: () => Uint8Array<ArrayBuffer>,
  large: () => Uint8Array<ArrayBuffer>,
): Promise<FullDisk> {
  const dataFolder = join(disk, "data")
  const box = await startBoxOn(dataFolder, { config })
  if (box === undefined) throw new Error("the box did not start on the small disk")
  await using _ = box
  const ledger = createLedger(await spaceOf(box), small)
  const [recognized, ingested]: Record<string, number>[] = [{}, {}]
  let [recorded, enrolled, enrolmentsRefused] = [0, 0, 0]
  const other = join(disk, "another-program")

  for (let n = 0; n < pictures; n++) {
    if (n === Math.floor(pictures / 3)) await takeTheRest(disk, other)
    if (n === Math.floor((pictures * 2) / 3)) await rm(other, { force: true })
    const ask = async (path: string, body: Uint8Array<ArrayBuffer>, counts: Record<string, number> = {}) => {
      // Time enough: how busy the machine is with other things is not the question.
      const headers = { "content-type": "image/jpeg", "x-deadline-ms": "20000" }
      const answer = await box.ask(path, { method: "POST", body, headers })
      const { status } = answer
      const said = (await answer.json()) as { error?: { code: string; message: string } }
      const outcome = said.error === undefined ? String(status) : `${status} ${said.error.code}: ${said.error.message}`
      counts[outcome] = (counts[outcome] ?? 0) + 1
      return status
    }
    await ask("/v1/recognize", small(), recognized)
    // One large one in ten: what fills the disk, without being all the run waits for.
    if ((await ask("/ingest/door", n % 10 === 0 ? large() : small(), ingested)) === 200) recorded++
    if (n % 10 !== 0) continue
    if ((await ledger.act("enrol", box)) === "acknowledged") enrolled++
    else enrolmentsRefused++
  }
  const metrics = await (await box.ask("/metrics")).text()
  const kept = Number(/^gatehouse_sightings (\d+)/m.exec(metrics)?.[1])
  await box.kill("SIGTERM")
  const again = await startBoxOn(dataFolder, { config })
  const verdict = ledger.check(join(dataFolder, "gatehouse.db"))
  await again?.kill("SIGKILL")
  const lost = again === undefined ? ["everything: it does not start on the full disk"] : verdict.lost
  return {
    recognized: recognized ?? {},
    ingested: ingested ?? {},
    enrolled,
    enrolmentsRefused,
    kept,
    recorded,
    ...verdict,
    lost,
  }
}

/** To the last block. */
async function takeTheRest(disk: string, path: string): Promise<void> {
  const piece = new Uint8Array(64 * 1024)
  for (;;) {
    const { bavail, bsize } = await statfs(disk)
    if (bavail === 0) return
    await writeFile(path, piece.subarray(0, Math.min(piece.length, bavail * bsize)), { flag: "a" })
  }
}
