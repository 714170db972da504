/**
 * `scripts/package [--target linux-x64|linux-arm64|all] [--from dist] [--out dist] [--format deb|rpm|tar.zst|all] [--revision 1]
 * [--quick]`: makes `.deb`, `.rpm` and
 * `.tar.zst` of the files that build.ts left in `--from`, each with its `.sha256`. See docs/install.md.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { version } from "../../app/base/version.ts"
import { isHere, type Target, targets } from "../build/targets.ts"
import { askTool, replaceFile, sha256Of } from "../build/tools.ts"
import { packArchive } from "./archive.ts"
import { packDeb } from "./deb.ts"
import type { Packer } from "./packer.ts"
import { findRelease } from "./release.ts"
import { packRpm } from "./rpm.ts"

const packers: Readonly<Record<string, Packer>> = { deb: packDeb, rpm: packRpm, "tar.zst": packArchive }

const { values: asked } = parseArgs({
  options: {
    target: { type: "string", default: targets.find(isHere)?.name ?? "all" },
    from: { type: "string", default: join(projectRoot, "dist") },
    out: { type: "string", default: join(projectRoot, "dist") },
    format: { type: "string", default: "all" },
    revision: { type: "string", default: "1" },
    quick: { type: "boolean", default: false },
  },
})
const revision = z.coerce.number().int().min(1).max(9999).safeParse(asked.revision)
if (!revision.success) stop(`--revision ${asked.revision} is no number from 1 to 9999`)
const wanted = targets.filter(({ name }) => asked.target === "all" || asked.target === name)
if (wanted.length === 0) stop(`--target ${asked.target} is none of ${targets.map(({ name }) => name).join(", ")}, all`)
const formats = Object.keys(packers).filter((name) => asked.format === "all" || asked.format === name)
if (formats.length === 0) stop(`--format ${asked.format} is none of ${Object.keys(packers).join(", ")}, all`)
const epoch = await readEpoch()
if (epoch.kind === "failed") stop(epoch.why)
for (const target of wanted) {
  const packed = await packAll(target, revision.data, epoch.value)
  if (packed.kind === "failed") stop(packed.why)
}

async function packAll(target: Target, revision: number, epochSeconds: number): Promise<Result<void>> {
  const release = await findRelease(asked.from, version, target)
  if (release.kind === "failed") return release
  await mkdir(asked.out, { recursive: true })
  const scratch = await mkdtemp(join(tmpdir(), "gatehouse-package-"))
  try {
    const order = {
      target,
      release: release.value,
      version,
      revision,
      epochSeconds,
      quick: asked.quick,
      out: asked.out,
      scratch,
    }
    for (const format of formats) {
      const startTickMs = performance.now()
      const packed = await packers[format]!(order)
      if (packed.kind === "failed") return packed
      const bytes = await Bun.file(packed.value).bytes()
      await replaceFile(`${packed.value}.sha256`, `${sha256Of(bytes)}  ${basename(packed.value)}\n`)
      console.log(`${packed.value}: ${bytes.length} bytes, in ${((performance.now() - startTickMs) / 1000).toFixed(1)} s`)
    }
    return { kind: "ok", value: undefined }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The age of everything inside: `SOURCE_DATE_EPOCH`, else that of the commit. */
async function readEpoch(): Promise<Result<number>> {
  const asked = process.env.SOURCE_DATE_EPOCH
  const committed = asked ?? (await askTool(["git", "log", "-1", "--format=%ct"], { cwd: projectRoot }))
  if (typeof committed !== "string" && committed.kind === "failed") {
    return { kind: "failed", why: `how old the files inside shall be is not known: set SOURCE_DATE_EPOCH (${committed.why})` }
  }
  const text = (typeof committed === "string" ? committed : committed.value).trim()
  const seconds = z.coerce.number().int().min(0).safeParse(text)
  return seconds.success
    ? { kind: "ok", value: seconds.data }
    : { kind: "failed", why: `SOURCE_DATE_EPOCH ${text} is no number of seconds since 1970` }
}

function stop(why: string): never {
  console.error(`package: ${why}`)
  process.exit(1)
}
