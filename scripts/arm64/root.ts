import { existsSync } from "node:fs"
import { copyFile, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Result } from "../../app/base/result.ts"

/** Debian's ARM64 C and C++ libraries (libc6-arm64-cross, libstdc++6-arm64-cross). */
const libraries = "/usr/aarch64-linux-gnu/lib"
const emulator = "qemu-aarch64-static"

/** A file or folder of this machine, and where the ARM64 machine sees it. */
export interface Mount {
  readonly from: string
  readonly to: string
}

/** A root file system with ARM64's C and C++ libraries, an ARM `/proc/cpuinfo`, the temporary folder and what was mounted; no shell, no tool. */
export interface ArmRoot extends AsyncDisposable {
  /** Put before a command inside the root; it wants `TMPDIR` and the variables of `GATEHOUSE_…` that enter.sh names. */
  readonly enter: readonly string[]
}

/** Fails where QEMU, the libraries or user namespaces are missing, and says what to install. */
export async function openArmRoot(mounts: readonly Mount[]): Promise<Result<ArmRoot>> {
  const qemu = Bun.which(emulator)
  if (qemu === null) return { kind: "failed", why: `${emulator} is missing: apt-get install qemu-user-static` }
  for (const [file, name] of [
    ["ld-linux-aarch64.so.1", "libc6-arm64-cross"],
    ["libstdc++.so.6", "libstdc++6-arm64-cross"],
  ] as const)
    if (!existsSync(join(libraries, file)))
      return { kind: "failed", why: `${file} for ARM64 is missing: apt-get install ${name}` }
  const unshare = ["unshare", "--user", "--map-root-user", "--mount"]
  if (Bun.spawnSync([...unshare, "true"]).exitCode !== 0) {
    return {
      kind: "failed",
      why: "this system allows no user namespaces (unshare --user --mount): run it as root, outside of a container",
    }
  }

  const root = await mkdtemp(join(tmpdir(), "gatehouse-arm64-"))
  const all: readonly Mount[] = [
    { from: libraries, to: "/lib" },
    ...["/proc", "/sys", "/dev", tmpdir()].map((path) => ({ from: path, to: path })),
    ...mounts,
  ]
  for (const { from, to } of all) await makeMountPoint(from, join(root, to))
  await copyFile(join(import.meta.dir, "cpuinfo.txt"), join(root, "cpuinfo.txt"))
  const pairs = all.flatMap(({ from, to }) => [from, to])
  return {
    kind: "ok",
    value: {
      enter: [...unshare, "sh", join(import.meta.dir, "enter.sh"), root, qemu, ...pairs, "--"],
      // The mounts were never seen out here: the folder holds nothing but empty places.
      [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
    },
  }
}

async function makeMountPoint(from: string, at: string): Promise<void> {
  if ((await stat(from)).isDirectory()) {
    await mkdir(at, { recursive: true })
    return
  }
  await mkdir(dirname(at), { recursive: true })
  await writeFile(at, "")
}
