import { readFileSync } from "node:fs"

/**
 * Processor time that a process has used so far, all its threads together, in the kernel's ticks of 10 ms (proc(5), fields 14
 * and 15 of stat). `undefined` when the process is gone, or the system does not tell.
 */
export function processorTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The second field is the name in parentheses, which may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const ticks = Number(fields[11]) + Number(fields[12])
    return Number.isFinite(ticks) ? ticks : undefined
  } catch {
    // Its end is reported elsewhere.
    return undefined
  }
}
