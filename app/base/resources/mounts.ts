import { readFileSync, realpathSync } from "node:fs"

/** Whether the folder lies on a file system from which no program or library may run (`noexec`). */
export function refusesPrograms(folder: string): boolean {
  return mountOptions(realpathSync(folder), readMounts()).includes("noexec")
}

/**
 * Options of the mount that a path lies on.
 * @param mountinfo as in /proc/self/mountinfo: the mount point is the fifth word of a line, its options the sixth
 */
export function mountOptions(path: string, mountinfo: string): readonly string[] {
  let longest = ""
  let options: readonly string[] = []
  for (const line of mountinfo.split("\n")) {
    const [, , , , escaped, words] = line.split(" ")
    if (escaped === undefined || words === undefined) continue
    const point = unescaped(escaped)
    const holds = path === point || path.startsWith(point === "/" ? "/" : `${point}/`)
    // Of two at the same place, the later one lies on top.
    if (!holds || point.length < longest.length) continue
    longest = point
    options = words.split(",")
  }
  return options
}

/** The kernel writes space, tab, line feed and backslash as three octal digits. */
function unescaped(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function readMounts(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8")
  } catch {
    return "" // No /proc: loading a library will tell.
  }
}
