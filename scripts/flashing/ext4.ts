import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Result } from "../../app/base/result.ts"

/** Where a file system lies: a file here, and how far inside. */
export interface Place {
  readonly image: string
  readonly offsetBytes: number
}

/** An entry of an ext file system. */
export interface Inode {
  readonly type: string
  /** Permissions alone. */
  readonly mode: number
  readonly owner: number
  readonly bytes: number
  /** Of a link. */
  readonly linkTarget: string | undefined
}

/**
 * An ext2, ext3 or ext4 file system in a file, by e2fsprogs' own tools: nothing is mounted, so neither root nor a loop device is
 * needed. Paths given to it hold no links but in their last part, and no double quotes.
 */
export interface Ext4 {
  stat(path: string): Promise<Inode | undefined>
  names(folder: string): Promise<readonly string[]>
  read(path: string): Promise<Uint8Array | undefined>
  freeBytes(): Promise<number>
  /** Commands of debugfs(8), in order. Fails with what it said, having gone on to the end. */
  write(commands: readonly string[]): Promise<Result<void>>
  /** e2fsck without changing anything; what it found where that is anything. */
  check(): Promise<Result<string>>
}

/** Opens it for reading and writing. @returns why where it is of another kind, or has to be mended first */
export async function openExt4({ image, offsetBytes }: Place): Promise<Result<Ext4>> {
  const device = offsetBytes === 0 ? image : `${image}?offset=${offsetBytes}`

  /** What debugfs prints, and what it complains of; it ends with 0 either way. */
  async function debugfs(commands: readonly string[], ...options: readonly string[]): Promise<{ out: string; said: string }> {
    const child = Bun.spawn(["debugfs", ...options, "-f", "-", device], {
      env: toolsEnvironment(),
      stdin: Buffer.from(commands.map((command) => `${command}\n`).join("")),
      stdout: "pipe",
      stderr: "pipe",
    })
    const [out, said] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    return { out, said: said.replace(/^debugfs \d\S* \(.*\)\n/, "").trim() }
  }

  const super_ = await debugfs(["show_super_stats -h"])
  if (super_.said !== "") return { kind: "failed", why: `${image} holds no ext file system at ${offsetBytes}: ${super_.said}` }
  if (/^Filesystem features:.*\bneeds_recovery\b/m.test(super_.out) || !/^Filesystem state:\s+clean$/m.test(super_.out)) {
    const why = `the file system in ${image} was not closed well: start and shut down the machine once, or mend it with e2fsck -f`
    return { kind: "failed", why }
  }

  const files: Ext4 = {
    async stat(path) {
      const { out, said } = await debugfs([`stat "${path}"`])
      if (said !== "") return undefined
      const [, type = "", mode = "0"] = /Type: (\S+(?: \S+)*?)\s+Mode:\s+(\d+)/.exec(out) ?? []
      const isLink = type === "symlink"
      const short = /^Fast link dest: "(.*)"$/m.exec(out)?.[1]
      const long = isLink && short === undefined ? Buffer.from((await dump(path)) ?? "").toString() : undefined
      return {
        type,
        mode: Number.parseInt(mode, 8) & 0o7777,
        owner: Number(/^User:\s+(\d+)/m.exec(out)?.[1]),
        bytes: Number(/\bSize: (\d+)/.exec(out)?.[1]),
        linkTarget: short ?? long,
      }
    },

    async names(folder) {
      const { out } = await debugfs([`ls -p "${folder}"`])
      return [...out.matchAll(/^\/\d+\/\d+\/\d+\/\d+\/([^/\n]+)\//gm)].map(([, name]) => name!)
    },

    read: (path) => dump(path),

    async freeBytes() {
      const { out } = await debugfs(["show_super_stats -h"])
      const figure = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(out)?.[1])
      return figure("Free blocks") * figure("Block size")
    },

    async write(commands) {
      const { said } = await debugfs(commands, "-w")
      return said === "" ? { kind: "ok", value: undefined } : { kind: "failed", why: `${image} was not written: ${said}` }
    },

    async check() {
      const child = Bun.spawn(["e2fsck", "-fn", device], { env: toolsEnvironment(), stdout: "pipe", stderr: "pipe" })
      const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
      const found = `${out}${said}`.trim()
      return code === 0
        ? { kind: "ok", value: "the file system was checked by e2fsck: clean" }
        : { kind: "failed", why: `e2fsck -fn ${image} ended with ${code}: ${found}` }
    },
  }

  async function dump(path: string): Promise<Uint8Array | undefined> {
    const scratch = await mkdtemp(join(tmpdir(), "gatehouse-flash-"))
    try {
      const to = join(scratch, "file")
      const { said } = await debugfs([`dump "${path}" "${to}"`])
      return said === "" ? await readFile(to) : undefined
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }

  return { kind: "ok", value: files }
}

/** Others than root may not have the folders of administration on their path. */
function toolsEnvironment(): Record<string, string | undefined> {
  return { ...process.env, LC_ALL: "C", PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }
}
