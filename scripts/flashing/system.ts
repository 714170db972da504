import type { Result } from "../../app/base/result.ts"
import { installPlaces } from "../../app/cli/install/layout.ts"
import type { Target } from "../build/targets.ts"
import { elfMachine } from "../packaging/elf-machine.ts"
import { compareVersions } from "../portability/judge.ts"
import { versionMax } from "../portability/limits.ts"
import type { FlashTarget } from "./target.ts"

/** What counts of the system that becomes a box. */
export interface FlashedSystem {
  /** As it calls itself: `Ubuntu 20.04.6 LTS`. */
  readonly name: string
  readonly glibc: string
  /** Version of systemd; 0 where its files do not tell. */
  readonly systemd: number
  readonly usesSelinux: boolean
}

const families = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const satisfies Record<Target["arch"], string>

/** Whether the program can run on that system and be started there, with the remedy where not. Reads only. */
export async function examineSystem(target: FlashTarget, arch: Target["arch"]): Promise<Result<FlashedSystem>> {
  const failed = (why: string) => ({ kind: "failed", why: `${target.where}: ${why}` }) as const
  const release = await readFirst(target, ["/etc/os-release", "/usr/lib/os-release"])
  if (release === undefined) return failed("no root file system, as it has no os-release: take the one the board starts from")
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(release.toString())?.[1] ?? "a Linux without a name"

  const systemd = await readFirst(target, ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"])
  if (systemd === undefined) return failed(`${name} has no systemd, so nothing would start the box: take a system with it`)
  // Not by its libraries: a system may hold those of several processors.
  const machine = elfMachine(systemd) ?? "another processor"
  if (machine !== arch) return failed(`${name} is for ${machine}, and the program for ${arch}: take the other file`)

  const family = families[arch]
  const libraries = [`/usr/lib/${family}`, `/lib/${family}`, "/usr/lib64", "/lib64"]
  const libc = await readFirst(
    target,
    libraries.map((folder) => `${folder}/libc.so.6`),
  )
  if (libc === undefined) return failed(`${name} has no glibc: take a distribution with it (Debian, Ubuntu, openEuler)`)
  const glibc = /GNU C Library .* version (\d+\.\d+)/.exec(libc.toString("latin1"))?.[1]
  if (glibc === undefined || compareVersions(glibc, versionMax.GLIBC!) < 0) {
    return failed(
      `${name} has glibc ${glibc ?? "of no known version"}, and the program needs ${versionMax.GLIBC}: take a newer system`,
    )
  }

  const installed = installPlaces.package.programPath
  if (await target.look(installed)) {
    return failed(`${name} holds ${installed} of a package already: update it with the package, or remove it first`)
  }
  const folders = ["/usr/lib/systemd", "/lib/systemd", `/usr/lib/${family}/systemd`, "/usr/lib64/systemd"]
  const files = (await Promise.all(folders.map((folder) => target.names(folder)))).flat()
  const versions = files.flatMap((file) => /^libsystemd-(?:shared|core)-(\d+)/.exec(file)?.[1] ?? []).map(Number)
  const selinux = (await target.read("/etc/selinux/config")) ?? Buffer.of()
  const usesSelinux = /^SELINUX=(?:enforcing|permissive)/m.test(Buffer.from(selinux).toString())
  return { kind: "ok", value: { name, glibc, systemd: Math.max(0, ...versions), usesSelinux } }
}

async function readFirst(target: FlashTarget, paths: readonly string[]): Promise<Buffer | undefined> {
  for (const path of paths) {
    const bytes = await target.read(path)
    if (bytes !== undefined) return Buffer.from(bytes)
  }
  return undefined
}
