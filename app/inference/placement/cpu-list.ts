/** The kernel's way to write sets of processors and of nodes: `0-3,8` (cpuset(7), “List format”). */

/** Rising, each once. `undefined` when it is no such list; an empty one is a list of nothing. */
export function parseCpuList(text: string): readonly number[] | undefined {
  const trimmed = text.trim()
  if (trimmed === "") return []
  const found = new Set<number>()
  for (const part of trimmed.split(",")) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (range === null) return undefined
    const first = Number(range[1])
    const last = Number(range[2] ?? first)
    if (last < first || last >= cpusMax) return undefined
    for (let cpu = first; cpu <= last; cpu++) found.add(cpu)
  }
  return [...found].sort((a, b) => a - b)
}

/** Linux has at most so many (CONFIG_NR_CPUS): more is no list of processors. */
export const cpusMax = 8192

/** The shortest list that says the same. */
export function formatCpuList(cpus: Iterable<number>): string {
  const rising = [...new Set(cpus)].sort((a, b) => a - b)
  const parts: string[] = []
  for (let at = 0; at < rising.length; ) {
    let end = at
    while (rising[end + 1] === rising[end]! + 1) end++
    parts.push(end === at ? String(rising[at]) : `${rising[at]}-${rising[end]}`)
    at = end + 1
  }
  return parts.join(",")
}
