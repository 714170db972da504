import type { Result } from "../../app/base/result.ts"

export type Machine = "arm64" | "x64"

/** What decides on which systems an ELF file loads. */
export interface ElfFacts {
  /** In binutils' words where it is none of ours. */
  readonly machine: Machine | { readonly other: string }
  readonly soname: string | undefined
  readonly interpreter: string | undefined
  /** Alignment in bytes of each segment that is loaded. */
  readonly loadAlignments: readonly number[]
  readonly executableStack: boolean
  /** Libraries that must be there: `DT_NEEDED`. */
  readonly needed: readonly string[]
  /** Entries of `DT_RPATH` and `DT_RUNPATH`; an empty one is the folder the program happens to run in. */
  readonly runPath: readonly string[]
  /** `GLIBC_2.17` and so on, of every library it needs. Weak ones are left out: the loader does without them. */
  readonly versions: readonly string[]
}

const machines: Readonly<Record<string, Machine>> = { AArch64: "arm64", "Advanced Micro Devices X86-64": "x64" }

/** Reads one ELF file by binutils' `readelf`, which knows every processor family on any machine. */
export async function readElf(path: string): Promise<Result<ElfFacts>> {
  const read = await readelf(["-h", "-l", "-d", "-V"], path)
  return read.kind === "failed" ? read : parseElf(read.value)
}

/** The symbols that ask for one version, such as `pthread_create` for `GLIBC_2.34`. */
export async function symbolsOf(path: string, version: string): Promise<readonly string[]> {
  const read = await readelf(["--dyn-syms"], path)
  if (read.kind === "failed") return []
  const found = read.value.matchAll(/ UND ([^\s@]+)@([^\s@]+)/g)
  return [...new Set([...found].filter(([, , asked]) => asked === version).map(([, name]) => name!))].sort()
}

/** Facts out of what `readelf -W -h -l -d -V` prints. */
export function parseElf(text: string): Result<ElfFacts> {
  const said = /^\s*Machine:\s+(.+)$/m.exec(text)?.[1]?.trim()
  if (said === undefined) return { kind: "failed", why: "readelf names no machine: this is no whole ELF file" }
  const dynamic = (tag: string) =>
    [...text.matchAll(new RegExp(`\\(${tag}\\)[^\\n]*\\[([^\\]\\n]*)\\]`, "g"))].map(([, value]) => value!)
  return {
    kind: "ok",
    value: {
      machine: machines[said] ?? { other: said },
      soname: dynamic("SONAME")[0],
      interpreter: /\[Requesting program interpreter: ([^\]]+)\]/.exec(text)?.[1],
      loadAlignments: [...text.matchAll(/^\s*LOAD\s.*\s(0x[0-9a-f]+)$/gm)].map(([, bytes]) => Number(bytes)),
      executableStack: /^\s*GNU_STACK\s.*\sR?W?E\s+0x/m.test(text),
      needed: dynamic("NEEDED"),
      runPath: [...new Set([...dynamic("RPATH"), ...dynamic("RUNPATH")].flatMap((path) => path.split(":")))],
      versions: [...new Set(neededVersions(text))],
    },
  }
}

function neededVersions(text: string): string[] {
  const lines = text.matchAll(/Name: (\S+)\s+Flags: (.+?)\s+Version: \d+/g)
  return [...lines].filter(([, , flags]) => !flags!.includes("WEAK")).map(([, name]) => name!)
}

async function readelf(options: readonly string[], path: string): Promise<Result<string>> {
  if (Bun.which("readelf") === null) {
    return { kind: "failed", why: "readelf is missing: install binutils (apt-get install binutils)" }
  }
  const child = Bun.spawn(["readelf", "-W", ...options, path], {
    env: { ...process.env, LC_ALL: "C" },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [text, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) return { kind: "failed", why: `readelf cannot read ${path}: ${said.trim() || `it ended with ${code}`}` }
  return { kind: "ok", value: text }
}
