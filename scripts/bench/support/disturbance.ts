import { readdir, readFile } from "node:fs/promises"

/** Clock ticks, of which Linux counts 100 a second for every process. */
interface Ticks {
  /** Of all cores together. */
  readonly all: number
  readonly busy: number
  /** Of this process and all it started, that still live. */
  readonly own: number
}

/** Others may take so much of the machine before a round says more of them than of what is measured. */
const quietShareMax = 0.08

export interface Round<Value> {
  readonly value: Value
  /** What others took of the machine meanwhile, 0 to 1. */
  readonly disturbance: number
}

/**
 * Takes `rounds` rounds in which the machine was left to the benchmark; one that others disturbed is taken again. On a machine
 * that is never quiet it stops after so many times as many and gives the quietest.
 */
export async function quietRounds<Value>(
  rounds: number,
  take: (round: number) => Promise<Value>,
  attempts = 4,
): Promise<Round<Value>[]> {
  const taken: Round<Value>[] = []
  const quiet = () => taken.filter(({ disturbance }) => disturbance <= quietShareMax)
  while (quiet().length < rounds && taken.length < attempts * rounds) {
    const before = await readTicks()
    const value = await take(taken.length)
    const disturbance = disturbanceBetween(before, await readTicks())
    taken.push({ value, disturbance })
    const verdict = disturbance <= quietShareMax ? "" : ": taken again"
    console.log(`  round ${taken.length}, others took ${(disturbance * 100).toFixed(0)} % of the machine${verdict}`)
  }
  if (quiet().length >= rounds) return quiet()
  console.log(`the machine was never left alone for ${rounds} rounds: these are the quietest of ${taken.length}`)
  return taken.toSorted((a, b) => a.disturbance - b.disturbance).slice(0, rounds)
}

export function disturbanceBetween(before: Ticks, after: Ticks): number {
  const all = Math.max(1, after.all - before.all)
  return Math.max(0, after.busy - before.busy - (after.own - before.own)) / all
}

async function readTicks(): Promise<Ticks> {
  const [, ...counts] = (await readFile("/proc/stat", "utf8")).split("\n", 1)[0]!.split(/\s+/)
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, interrupt = 0, soft = 0, stolen = 0] = counts.map(Number)
  const busy = user + nice + system + interrupt + soft + stolen
  return { all: busy + idle + ioWait, busy, own: await ownTicks() }
}

async function ownTicks(): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)
  // A process may end while the list is read.
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")))
  const parents = new Map<number, number>()
  const ticks = new Map<number, number>()
  for (const [index, stat] of stats.entries()) {
    // The name stands in brackets and may hold spaces; after it: state, parent, … user and system time as the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    parents.set(pids[index]!, Number(fields[1]))
    ticks.set(pids[index]!, Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
  }
  const isOwn = (pid: number | undefined): boolean =>
    pid === process.pid || (pid !== undefined && pid > 1 && isOwn(parents.get(pid)))
  return pids.filter(isOwn).reduce((sum, pid) => sum + (ticks.get(pid) ?? 0), 0)
}
