import { z } from "zod"

/** What every line of the box's own log has. */
const ownLine = z.object({ level: z.string(), time: z.string(), msg: z.string().optional() })

export interface LogLines {
  readonly lines: readonly string[]
  /** Lines of others in the same file: a crash's last words, another program's. Nobody knows what is in them. */
  readonly foreign: number
}

/** The box's own lines among the last `bytesMax` bytes of a file. Throws what the file system says. */
export async function ownLines(path: string, bytesMax: number): Promise<LogLines> {
  const file = Bun.file(path)
  const begin = Math.max(0, (await file.stat()).size - bytesMax)
  const [first = "", ...rest] = (await file.slice(begin).text()).split("\n")
  // Cut somewhere in its middle, unless it is the first of the file.
  const all = (begin === 0 ? [first, ...rest] : rest).filter((line) => line.trim() !== "")
  const lines = all.filter(isOwn)
  return { lines, foreign: all.length - lines.length }
}

function isOwn(line: string): boolean {
  try {
    return ownLine.safeParse(JSON.parse(line)).success
  } catch {
    return false // No JSON: somebody else's.
  }
}
