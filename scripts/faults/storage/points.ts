import { cp, mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { lastWords, startBoxOn } from "./box.ts"
import { createLedger, type Ledger, type Operation, spaceOf, type Verdict } from "./ledger.ts"
import { readTrace, type Traced, writeCalls } from "./strace.ts"

/** The n-th time that a thread of a program makes this call. */
export interface Point {
  readonly call: string
  readonly n: number
  /** The thread that the program begins with, in which SQLite works: watching it alone leaves all others as fast as they are. */
  readonly main: boolean
}

/** What the box does to its disk in a life: the start, people and sightings, changes and deletions, the end. */
export const journey: readonly Operation[] = ["enrol", "see", "rename", "enrol", "remove", "see", "unsee", "enrol"]

/** `-D`: the program keeps the process id that it was started with. */
const tracing = (log: string, ...more: string[]) => ["strace", "-D", "-o", log, ...more]

/** Kills the program when it gets there. Not with `--seccomp-bpf`: strace 6.1 lets the call pass then (20 of 20). */
export function killing({ call, n, main }: Point): string[] {
  return [...(main ? [] : ["-f"]), "-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${n}`]
}

/** A life of the box from its start to its end, whatever hits it on the way. */
async function live(
  dataFolder: string,
  prefix: readonly string[],
  picture: () => Uint8Array<ArrayBuffer>,
): Promise<{ readonly pid: number; readonly ledger: Ledger } | undefined> {
  const box = await startBoxOn(dataFolder, { prefix })
  if (box === undefined) return undefined
  try {
    const ledger = createLedger(await spaceOf(box), picture)
    for (const operation of journey) if ((await ledger.act(operation, box)) === "cut") break
    await box.kill("SIGTERM")
    return { pid: box.pid, ledger }
  } catch {
    // It was killed before it could even say what it serves: then nothing was asked of it.
    await box.kill("SIGKILL")
    return undefined
  }
}

/**
 * Every point at which a whole life of the box writes into its data folder.
 * @param base a data folder to begin with, or none
 */
export async function listPoints(
  folder: string,
  base: string | undefined,
  picture: () => Uint8Array<ArrayBuffer>,
): Promise<Point[]> {
  const dataFolder = await prepare(folder, base)
  const log = join(folder, "points.log")
  const prefix = tracing(log, "-f", "--seccomp-bpf", "-yy", "-e", `trace=${writeCalls.join(",")}`)
  const lived = await live(dataFolder, prefix, picture)
  if (lived === undefined) throw new Error("the box did not start under strace")
  return pointsIn(await readTrace(log), dataFolder, lived.pid)
}

/** strace counts for each thread and each call by itself, whatever file it is about. */
export function pointsIn(trace: readonly Traced[], dataFolder: string, mainPid: number): Point[] {
  const counts = new Map<string, number>()
  const found = new Map<string, Point>()
  for (const { pid, call, args } of trace) {
    const n = (counts.get(`${pid} ${call}`) ?? 0) + 1
    counts.set(`${pid} ${call}`, n)
    if (args.includes(`${dataFolder}/`)) found.set(`${call} ${n} ${pid === mainPid}`, { call, n, main: pid === mainPid })
  }
  return [...found.values()].toSorted((a, b) => a.call.localeCompare(b.call) || a.n - b.n)
}

export interface KilledAt extends Verdict {
  /** False when the box lived through it: it had no n-th call this time. */
  readonly killed: boolean
  /** Of the start afterwards. */
  readonly readyMs: number
  readonly acknowledged: number
}

/** Kills a box at one point of its life, starts it again, and holds what is there against what it had acknowledged. */
export async function killAt(
  folder: string,
  base: string | undefined,
  point: Point,
  picture: () => Uint8Array<ArrayBuffer>,
): Promise<KilledAt> {
  const dataFolder = await prepare(folder, base)
  const log = join(folder, "killed.log")
  const lived = await live(dataFolder, tracing(log, ...killing(point)), picture)
  const killed = (await Bun.file(log).text()).includes("+++ killed by SIGKILL +++")
  const again = await startBoxOn(dataFolder)
  if (again === undefined)
    return {
      killed,
      readyMs: Number.POSITIVE_INFINITY,
      acknowledged: 0,
      lost: [`everything: it does not start (${await lastWords(dataFolder)})`],
      damaged: [],
    }
  const verdict = lived?.ledger.check(join(dataFolder, "gatehouse.db")) ?? { lost: [], damaged: [] }
  await again.kill("SIGKILL")
  return { killed, readyMs: again.readyMs, acknowledged: lived?.ledger.acknowledged() ?? 0, ...verdict }
}

async function prepare(folder: string, base: string | undefined): Promise<string> {
  const dataFolder = join(folder, "data")
  await rm(dataFolder, { recursive: true, force: true })
  if (base === undefined) return dataFolder
  await mkdir(folder, { recursive: true })
  await cp(base, dataFolder, { recursive: true })
  return dataFolder
}
