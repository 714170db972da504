import { readFileSync } from "node:fs"
import { readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"

/** `<id>.<pid>-<ticks>.draft`: made by the process with this number that began at this tick since the machine did. */
const leftoverName = /\.(\d+)-(\d+)\.(?:draft|broken)$/

/** Folders of other versions that stay: one to go back to, and one for whoever tries two versions by turns. */
const olderMax = 2

const unpackedName = /^\d[\w.+-]*-(?:x64|arm64)-[0-9a-f]{16}$/

/** A name that no other process uses, and from which others can tell whether its owner still lives. */
export function ownDraft(id: string, kind: "draft" | "broken"): string {
  return `${id}.${process.pid}-${startTicks(process.pid) ?? 0}.${kind}`
}

/** Removes what processes left behind that were killed at unpacking. */
export async function clearAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [, pid, ticks] = leftoverName.exec(name) ?? []
    if (pid === undefined || startTicks(Number(pid)) === ticks) continue
    await rm(join(cache, name), { recursive: true, force: true })
  }
}

/** Removes all but the newest of the other versions: each is as large as the program. */
export async function clearOlder(cache: string, id: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name !== id && unpackedName.test(name))
  const dated = await Promise.all(names.map(async (name) => ({ name, changedMs: await changedMs(join(cache, name)) })))
  for (const { name } of dated.sort((a, b) => b.changedMs - a.changedMs).slice(olderMax)) {
    await rm(join(cache, name), { recursive: true, force: true })
  }
}

async function changedMs(path: string): Promise<number> {
  // Another start may have removed it just now.
  return stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  )
}

/** When a process began, as the kernel counts; `undefined` when it is gone. Numbers are used again, this pair is not. */
export function startTicks(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The second word is the program's name in brackets, which may hold anything; what follows begins with the third.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}
