import type { Result } from "../../app/base/result.ts"
import { findElves } from "./contents.ts"
import { type ElfFacts, readElf, symbolsOf } from "./elf.ts"
import { type Finding, judge } from "./judge.ts"

export interface CheckedFile {
  readonly name: string
  readonly facts: ElfFacts
  /** With the symbols that ask for a version, where that is what is wrong. */
  readonly findings: readonly (Finding & { readonly symbols: readonly string[] })[]
}

export interface Report {
  readonly files: readonly CheckedFile[]
  /** Findings that are not accepted. */
  readonly wrong: number
}

/**
 * Judges every ELF file at `paths` as one delivery: they may need one another.
 * @param scratch an empty folder for what lies inside compiled programs
 */
export async function checkPortability(paths: readonly string[], scratch: string): Promise<Result<Report>> {
  const elves: { name: string; path: string; facts: ElfFacts }[] = []
  for (const path of paths) {
    const found = await findElves(path, scratch)
    if (found.kind === "failed") return found
    for (const file of found.value) {
      const read = await readElf(file.path)
      if (read.kind === "failed") return { kind: "failed", why: `${file.name}: ${read.why}` }
      elves.push({ ...file, facts: read.value })
    }
  }
  const judged = judge(elves)
  const files = await Promise.all(
    elves.map(async ({ name, path, facts }, i) => ({
      name,
      facts,
      findings: await Promise.all((judged[i] ?? []).map((finding) => withSymbols(path, finding))),
    })),
  )
  return { kind: "ok", value: { files, wrong: files.flatMap((file) => file.findings).filter(isWrong).length } }
}

async function withSymbols(path: string, finding: Finding) {
  return { ...finding, symbols: finding.kind === "version" ? await symbolsOf(path, finding.value) : [] }
}

function isWrong({ accepted }: Finding): boolean {
  return accepted === undefined
}
