import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"

export const unitPath = (name: string): string => join(projectRoot, "edge-config/systemd", name)

/** All values of a setting of a unit, in order. */
export function settingsOf(unit: string, key: string): string[] {
  return [...readFileSync(unitPath(unit), "utf8").matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value ?? "")
}

/** The system calls that a unit's `SystemCallFilter=` lines forbid, with systemd's own lists of what its groups hold. */
export function deniedCalls(unit: string): string[] {
  const groups = readGroups()
  const expand = (word: string): string[] => (word.startsWith("@") ? (groups.get(word) ?? []).flatMap(expand) : [word])
  const allowed = new Set<string>()
  for (const line of settingsOf(unit, "SystemCallFilter")) {
    const calls = line.replace("~", "").split(" ").flatMap(expand)
    for (const call of calls) line.startsWith("~") ? allowed.delete(call) : allowed.add(call)
  }
  return expand("@known").filter((call) => !allowed.has(call))
}

function readGroups(): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  let current: string[] = []
  for (const line of Bun.spawnSync(["systemd-analyze", "syscall-filter", "--no-pager"]).stdout.toString().split("\n")) {
    const word = line.trim().replace(/^# +/, "")
    if (line.startsWith("@")) {
      current = []
      groups.set(word, current)
    } else if (/^ +[@a-z_0-9-]+$/.test(line)) current.push(word)
  }
  return groups
}
