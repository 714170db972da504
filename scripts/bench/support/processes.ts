import { readdir, readFile } from "node:fs/promises"
import { z } from "zod"
import { roundTo } from "./statistics.ts"

/** What a box takes of the machine, read from Linux's /proc: only for a box on this machine. */
export const usageSchema = z.strictObject({
  parentMB: z.number(),
  enginesMB: z.number(),
  engines: z.int(),
  /** Open file descriptors of the parent, and of all its engines together. */
  parentDescriptors: z.int(),
  engineDescriptors: z.int(),
})
export type Usage = z.output<typeof usageSchema>

/** `undefined` when the process is gone. */
export async function readUsage(parentPid: number): Promise<Usage | undefined> {
  const parent = await readProcess(parentPid)
  if (parent === undefined) return undefined
  const children = await Promise.all((await childrenOf(parentPid)).map(readProcess))
  // One that ended while it was looked at is no engine any more.
  const engines = children.filter((child) => child !== undefined)
  return {
    parentMB: parent.megabytes,
    enginesMB: roundTo(
      engines.reduce((sum, { megabytes }) => sum + megabytes, 0),
      1,
    ),
    engines: engines.length,
    parentDescriptors: parent.descriptors,
    engineDescriptors: engines.reduce((sum, { descriptors }) => sum + descriptors, 0),
  }
}

async function readProcess(pid: number): Promise<{ megabytes: number; descriptors: number } | undefined> {
  try {
    const [status, descriptors] = await Promise.all([readFile(`/proc/${pid}/status`, "utf8"), readdir(`/proc/${pid}/fd`)])
    const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
    return { megabytes: Math.round(kilobytes / 102.4) / 10, descriptors: descriptors.length }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`)
    // A child belongs to the thread that started it.
    const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8")))
    return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number))
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/**
 * What a box and its engines have used of the processors until now, in milliseconds: of all threads that live. Finer than the clock
 * ticks of `stat`, and the same on a machine that others use.
 */
export async function readProcessorMs(parentPid: number): Promise<number> {
  const pids = [parentPid, ...(await childrenOf(parentPid))]
  const each = await Promise.all(
    pids.map(async (pid) => {
      const threads = await orIfGone(readdir(`/proc/${pid}/task`), [])
      const told = await Promise.all(
        threads.map((thread) => orIfGone(readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8"), "0")),
      )
      return told.reduce((sum, line) => sum + Number(line.split(" ", 1)[0]) / 1e6, 0)
    }),
  )
  return each.reduce((sum, ms) => sum + ms, 0)
}

async function orIfGone<Value>(reading: Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await reading
  } catch (error) {
    if (isGone(error)) return otherwise
    throw error
  }
}

/** The process that started `pid`; `undefined` when there is no such process here. */
export async function parentOf(pid: number): Promise<number | undefined> {
  try {
    const parent = /^PPid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]
    return parent === undefined ? undefined : Number(parent)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** EACCES: somebody else's process, or another machine's number. */
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code))
}
