import { nowTickMs } from "../../../app/base/ticks.ts"
import { type FilledFolder, searchBox, whenReady } from "../../bench/search/filled-box.ts"
import { readProcessorMs } from "../../bench/support/processes.ts"

export interface Restarted {
  /** From the first start with its graph to be built until that was done. */
  readonly builtS: number
  /** From each later start until the box was ready with its graph. */
  readonly readyS: readonly number[]
  readonly asked: number
  /** Answers that were another before the kill. */
  readonly different: number
}

/** Kills a box with many faces `rounds` times, and asks it the same before the first kill and after each. */
export async function restartAgainAndAgain(filled: FilledFolder, rounds: number, queries: number): Promise<Restarted> {
  const { source, people, space, folder } = filled
  const drawn = source.queries(queries, people)
  const vectors = Array.from({ length: queries }, (_, i) => drawn.subarray(i * source.dimension, (i + 1) * source.dimension))
  const kill = async (box: Awaited<ReturnType<FilledFolder["start"]>>) => {
    process.kill(box.pid, "SIGKILL")
    await box.exited
  }
  const startReady = async () => {
    const startTickMs = nowTickMs()
    const box = await filled.start()
    await whenReady(box)
    const tookS = (nowTickMs() - startTickMs) / 1000
    // At the first start the last few thousand are still compared one by one, which may find what a graph misses; and on a slow
    // machine the first snapshot is one of half a graph.
    await snapshotIn(folder)
    await whenIdle(box.pid)
    const answers: string[] = []
    for (const vector of vectors) answers.push((await searchBox(box, space, vector)).join())
    return { box, tookS, answers }
  }

  const first = await startReady()
  await kill(first.box)
  const readyS: number[] = []
  let different = 0
  for (let round = 0; round < rounds; round++) {
    const again = await startReady()
    readyS.push(again.tookS)
    different += again.answers.filter((names, i) => names !== first.answers[i]).length
    await kill(again.box)
  }
  return { builtS: first.tookS, readyS, asked: rounds * queries, different }
}

async function snapshotIn(dataFolder: string): Promise<void> {
  const files = new Bun.Glob("index/*.graph")
  while ((await Array.fromAsync(files.scan(dataFolder))).length === 0) await Bun.sleep(200)
}

const idleLookMs = 2000
/** A box that builds takes a whole core, and one that waits a few milliseconds a second. */
const idleMsMax = 100

/** Until nothing is left to build and to write. */
async function whenIdle(pid: number): Promise<void> {
  for (let beforeMs = await readProcessorMs(pid); ; ) {
    await Bun.sleep(idleLookMs)
    const nowMs = await readProcessorMs(pid)
    if (nowMs - beforeMs < idleMsMax) return
    beforeMs = nowMs
  }
}
