/**
 * `./scripts/check-portability <file or folder>…`: whether every ELF file there loads on the oldest boxes we name, those inside a
 * compiled program among them. Prints one line for each file, then what is wrong; exit code 1 if anything is.
 * The limits and where they come from: `limits.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { formatTable } from "../../app/cli/terminal.ts"
import { checkPortability, type Report } from "./check.ts"
import { highestVersion } from "./judge.ts"
import { versionMax } from "./limits.ts"

const paths = Bun.argv.slice(2)
if (paths.length === 0) stop("name files or folders: ./scripts/check-portability dist/gatehouse-*")
const scratch = mkdtempSync(join(tmpdir(), "gatehouse-portability-"))
try {
  const checked = await checkPortability(paths, scratch)
  if (checked.kind === "failed") stop(checked.why)
  print(checked.value)
  process.exitCode = checked.value.wrong > 0 ? 1 : 0
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function print({ files, wrong }: Report): void {
  const families = Object.keys(versionMax)
  const rows = files.map(({ name, facts }) => [
    name,
    typeof facts.machine === "string" ? facts.machine : facts.machine.other,
    ...families.map((family) => highestVersion(facts.versions, family) ?? ""),
    String(Math.min(...facts.loadAlignments) / 1024),
  ])
  console.log(formatTable(["file", "machine", ...families.map((family) => `${family} ≤ ${versionMax[family]}`), "KiB"], rows))
  for (const { name, findings } of files)
    for (const { kind, value, why, accepted, symbols } of findings) {
      const asking = symbols.length === 0 ? "" : ` (${symbols.join(", ")})`
      console.log(`${accepted === undefined ? "WRONG   " : "accepted"} ${name}: ${kind} "${value}"${asking}: ${why}`)
      if (accepted !== undefined) console.log(`         because ${accepted}`)
    }
  console.log(wrong === 0 ? `${files.length} files, all portable` : `${wrong} findings in ${files.length} files`)
}

function stop(why: string): never {
  console.error(`check-portability: ${why}`)
  process.exit(1)
}
