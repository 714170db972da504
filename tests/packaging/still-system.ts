import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type TempFolder, tempFolder } from "../support/shared.ts"
import { succeed } from "./commands.ts"
import { standInProgram } from "./packages.ts"

/** A system that lies still, as small as flashing accepts one: what it looks at is there, and nothing else. */
export interface StillSystem extends TempFolder {
  /** The folder with its root file system. */
  readonly root: string
  write(path: string, bytes: string | Uint8Array): void
  /** An image of the root as it is now: behind a table of partitions, or the file system alone. */
  makeImage(options?: { readonly partitioned?: boolean; readonly megabytes?: number }): Promise<string>
}

export interface StillSystemOptions {
  readonly arch?: "x64" | "arm64"
  readonly glibc?: string
  /** Where it is kept: distributions differ. */
  readonly libraries?: string
  readonly systemd?: number
}

/** Where its only partition begins, in sectors of 512 bytes. */
export const partitionStart = 2048

export function stillSystem({
  arch = "x64",
  glibc = "2.31",
  systemd = 249,
  libraries = "/usr/lib64",
}: StillSystemOptions = {}): StillSystem {
  const folder = tempFolder()
  const root = folder.file("root")
  const write = (path: string, bytes: string | Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
  write("/usr/lib/os-release", 'NAME="Test"\nPRETTY_NAME="Test System 1"\n')
  const libc = Buffer.from(`GNU C Library (Test GLIBC ${glibc}-1) stable release version ${glibc}.\n`)
  write(`${libraries}/libc.so.6`, Buffer.concat([standInProgram(arch), libc]))
  write("/usr/lib/systemd/systemd", standInProgram(arch))
  write(`/usr/lib/systemd/libsystemd-shared-${systemd}.so`, "")
  for (const path of ["etc", "usr/local/bin"]) mkdirSync(join(root, path), { recursive: true })
  // As systems have them: relative here, absolute there.
  symlinkSync("../usr/lib/os-release", join(root, "etc/os-release"))
  symlinkSync("/usr/lib64", join(root, "lib64"))
  return {
    ...folder,
    root,
    write,
    async makeImage({ partitioned = false, megabytes = 100 } = {}) {
      const image = folder.file(`system-${partitioned ? "disk" : "flat"}.img`)
      writeFileSync(image, partitioned ? partitionTable(megabytes) : "")
      truncateSync(image, megabytes * 2 ** 20)
      const offset = partitioned ? partitionStart * 512 : 0
      const kilobytes = (megabytes * 2 ** 20 - offset) / 1024
      const options = ["-q", "-F", "-t", "ext4", "-d", root, "-E", `root_owner=0:0,offset=${offset}`]
      await succeed(["/usr/sbin/mke2fs", ...options, image, `${kilobytes}k`])
      return image
    },
  }
}

/** A master boot record with one Linux partition. */
function partitionTable(megabytes: number): Buffer {
  const table = Buffer.alloc(512)
  table[446 + 4] = 0x83
  table.writeUInt32LE(partitionStart, 446 + 8)
  table.writeUInt32LE((megabytes * 2 ** 20) / 512 - partitionStart, 446 + 12)
  table.writeUInt16BE(0x55aa, 510)
  return table
}
