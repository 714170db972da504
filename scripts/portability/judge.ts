import { basename } from "node:path"
import type { ElfFacts, Machine } from "./elf.ts"
import { alignmentMin, type Exception, exceptions, interpreters, plainLibraries, versionMax } from "./limits.ts"

/** One thing that keeps a file from loading somewhere, and the value that does. */
export interface Finding {
  readonly kind: "machine" | "version" | "alignment" | "library" | "run_path" | "interpreter" | "stack"
  readonly value: string
  readonly why: string
  /** Known and accepted, for this reason. */
  readonly accepted?: string
}

/** A file beside others: they may need one another. */
export interface NamedElf {
  readonly name: string
  readonly facts: ElfFacts
}

/** What is wrong with each file of one delivery, in the order given. */
export function judge(files: readonly NamedElf[]): readonly (readonly Finding[])[] {
  return files.map(({ facts }) => {
    const { machine } = facts
    if (typeof machine !== "string")
      return [{ kind: "machine", value: machine.other, why: "no box of ours has this processor" }]
    const peers = files.filter((file) => file.facts.machine === machine)
    const provided = new Set(peers.flatMap(({ name, facts: { soname } }) => [basename(name), ...(soname ? [soname] : [])]))
    return [
      ...versionFindings(facts),
      ...alignmentFindings(facts, machine),
      ...libraryFindings(facts, provided),
      ...pathFindings(facts),
      ...interpreterFindings(facts, machine),
      ...stackFindings(facts),
    ].map((finding) => withException(facts, finding))
  })
}

/** The highest version that a file asks of one library family, such as `2.27` of `GLIBC`. */
export function highestVersion(versions: readonly string[], family: string): string | undefined {
  const numbers = versions.flatMap((version) => numbersIn(version, family))
  return numbers.sort(compareVersions).at(-1)
}

/** Negative where `a` is the older one: numbers between dots are compared one by one. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function versionFindings({ versions }: ElfFacts): Finding[] {
  return versions.flatMap((version): Finding[] => {
    const family = Object.keys(versionMax).find((name) => version.startsWith(`${name}_`))
    // Versions of a library that comes along, or of one that the library rule refuses.
    if (family === undefined) return []
    const [number] = numbersIn(version, family)
    const max = versionMax[family]!
    if (number === undefined)
      return [
        { kind: "version", value: version, why: `not a numbered version: only a newer loader than ${family} ${max} knows it` },
      ]
    if (compareVersions(number, max) <= 0) return []
    return [{ kind: "version", value: version, why: `newer than ${family}_${max}, the highest that every box has` }]
  })
}

function numbersIn(version: string, family: string): string[] {
  const number = new RegExp(`^${family}_(\\d+(?:\\.\\d+)*)$`).exec(version)?.[1]
  return number === undefined ? [] : [number]
}

function alignmentFindings({ loadAlignments }: ElfFacts, machine: Machine): Finding[] {
  if (loadAlignments.length === 0) return [{ kind: "alignment", value: "none", why: "there is no segment to load" }]
  const smallest = Math.min(...loadAlignments)
  if (smallest >= alignmentMin[machine]) return []
  const why = `a segment is aligned to less than ${alignmentMin[machine]} bytes, and kernels with larger pages refuse it`
  return [{ kind: "alignment", value: String(smallest), why }]
}

function libraryFindings({ needed }: ElfFacts, provided: ReadonlySet<string>): Finding[] {
  const missing = needed.filter((name) => !plainLibraries.has(name) && !provided.has(name))
  return missing.map((name) => ({ kind: "library", value: name, why: "neither on a plain system nor among these files" }))
}

function pathFindings({ runPath }: ElfFacts): Finding[] {
  const strange = runPath.filter((entry) => !/^\$(?:ORIGIN|\{ORIGIN\})(?:\/|$)/.test(entry))
  return strange.map((value) => ({
    kind: "run_path",
    value,
    why:
      value === ""
        ? "an empty entry: libraries are looked for in the folder the program happens to run in"
        : "libraries are looked for in a folder of the machine that built it",
  }))
}

function interpreterFindings({ interpreter }: ElfFacts, machine: Machine): Finding[] {
  if (interpreter === undefined || interpreter === interpreters[machine]) return []
  return [{ kind: "interpreter", value: interpreter, why: `programs are started by ${interpreters[machine]} everywhere` }]
}

function stackFindings({ executableStack }: ElfFacts): Finding[] {
  if (!executableStack) return []
  return [{ kind: "stack", value: "executable", why: "glibc 2.41 and newer refuse such a library" }]
}

function withException(facts: ElfFacts, finding: Finding): Finding {
  const known = exceptions.find((exception) => applies(exception, facts, finding))
  return known === undefined ? finding : { ...finding, accepted: known.why }
}

function applies(exception: Exception, { soname, needed }: ElfFacts, { kind, value }: Finding): boolean {
  if (exception.soname !== soname || exception.kind !== kind || exception.value !== value) return false
  // The reason given holds for the C library alone; with the next library it would be a hole.
  return needed.every((name) => name === "libc.so.6" || name.startsWith("ld-linux-"))
}
