import { readFile } from "node:fs/promises"

/** Every way in which the box, SQLite and Bun change a disk. */
export const writeCalls = [
  "pwrite64",
  "write",
  "fsync",
  "fdatasync",
  "ftruncate",
  "rename",
  "renameat",
  "unlink",
  "unlinkat",
  "linkat",
] as const
export type WriteCall = (typeof writeCalls)[number]

/** Whether strace is here and allowed to look at a process; containers often forbid it. */
export async function straceRefusal(): Promise<string | undefined> {
  if (Bun.which("strace") === null) return "strace is not installed (a package of Debian): scripts/debian-packages.txt"
  const child = Bun.spawn(["strace", "-o", "/dev/null", "true"], { stdout: "ignore", stderr: "pipe" })
  const said = await child.stderr.text()
  if ((await child.exited) === 0) return undefined
  return `this machine does not let strace look at a process: ${said.trim().split("\n").at(-1)}`
}

/** A system call of one thread. */
export interface Traced {
  readonly pid: number
  readonly call: string
  /** Arguments as strace prints them; descriptors with their paths. */
  readonly args: string
  /** `0`, `512`, `-1 EIO …`; `undefined` when the process ended in it. */
  readonly result: string | undefined
  readonly injected: boolean
}

/** Reads what `strace -f -yy -o file` wrote, in the order in which the calls ended. */
export async function readTrace(path: string): Promise<Traced[]> {
  return parseTrace(await readFile(path, "utf8"))
}

export function parseTrace(text: string): Traced[] {
  const begun = new Map<string, string>()
  const traced: Traced[] = []
  for (const line of text.split("\n")) {
    // Without -f there is one thread, and no number before it.
    const [, pid = "0", rest] = /^(?:(\d+)\s+)?(.*)$/.exec(line) ?? []
    if (rest === undefined) continue
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(pid, rest.slice(0, -"<unfinished ...>".length))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    const whole = resumed === null ? rest : (begun.get(pid) ?? "") + resumed[1]
    const [, call, args, result] = /^(\w+)\((.*)\)\s+= (.+)$/.exec(whole) ?? []
    if (call === undefined || args === undefined) continue
    traced.push({ pid: Number(pid), call, args, result, injected: result?.includes("(INJECTED)") ?? false })
  }
  return traced
}
