import { existsSync } from "node:fs"
import { mkdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { runTool } from "../build/tools.ts"

/** A small Debian as debootstrap makes it (variant minbase), and systemd: packed, so that each test unpacks a fresh one. */
export const debianRootArchive = join(projectRoot, ".cache/tests/debian-root-bookworm.tar")

const inside = { suite: "bookworm", packages: "systemd" } as const

/** What nobody reads there; more than half of all files. */
const unread = `rm -rf "$1"/usr/share/doc/* "$1"/usr/share/locale/* "$1"/usr/share/man/* "$1"/usr/share/zoneinfo/*`

/** Made from Debian's mirror once, by mmdebstrap, which takes a third of debootstrap's time. @returns where it lies, or what is missing */
export async function obtainDebianRoot(): Promise<Result<string>> {
  const failed = (why: string) => ({ kind: "failed", why }) as const
  if (process.getuid?.() !== 0) return failed("only root can unpack a root file system with its owners")
  if (existsSync(debianRootArchive)) return { kind: "ok", value: debianRootArchive }
  if (Bun.which("mmdebstrap") === null) return failed("mmdebstrap is missing: apt-get install mmdebstrap")
  await mkdir(dirname(debianRootArchive), { recursive: true })
  const draft = debianRootArchive.replace(/\.tar$/, `.${process.pid}.draft.tar`)
  try {
    const made = await runTool(
      [
        ...["mmdebstrap", "--quiet", "--variant=minbase", `--include=${inside.packages}`],
        ...[`--customize-hook=${unread}`, inside.suite, draft],
      ],
      { cwd: dirname(draft) },
    )
    if (made.kind === "failed") return failed(`Debian's mirror gave no root file system: ${made.why}`)
    await rename(draft, debianRootArchive)
    return { kind: "ok", value: debianRootArchive }
  } finally {
    await rm(draft, { force: true })
  }
}

/** Whether the tests in a Debian root can run here: as root, and with a root that was made, or can be. */
export function hasDebianRoot(): boolean {
  return process.getuid?.() === 0 && existsSync(debianRootArchive)
}

/** Whether this machine lets a root file system boot beside it; containers often forbid that. */
export function canBoot(): boolean {
  if (Bun.which("systemd-nspawn") === null || process.getuid?.() !== 0) return false
  const tried = Bun.spawnSync(["systemd-nspawn", ...nspawnOptions, "--volatile=yes", "--directory=/", "true"])
  return tried.exitCode === 0
}

/** A network of its own, and nobody is told of it: no machined needs to run. */
export const nspawnOptions = ["--quiet", "--keep-unit", "--register=no", "--private-network"] as const
