import { mkdtemp, open, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { unreachable } from "../../app/base/assert.ts"
import type { Result } from "../../app/base/result.ts"
import type { LayoutEntry } from "../../app/cli/install/layout.ts"
import { sha256Of } from "../build/tools.ts"
import { type Ext4, openExt4 } from "./ext4.ts"
import { listPartitions, type Partition } from "./partitions.ts"
import type { FlashTarget, Found } from "./target.ts"

/** More links than this on one path lead in a circle, says the kernel too. */
const linksMax = 40

/** A system without room for its own log would not start. */
const freeBytesMin = 64 * 1024 * 1024

/** The root file system in a raw image; without `partition` the one that holds an os-release. */
export async function openImageTarget(image: string, partition?: number): Promise<Result<FlashTarget>> {
  const listed = await listPartitions(image)
  if (listed.kind === "failed") return listed
  const chosen = await choose(image, listed.value, partition)
  if (chosen.kind === "failed") return chosen
  const opened = await openExt4({ image, offsetBytes: chosen.value.offsetBytes })
  if (opened.kind === "failed") return opened
  const sound = await opened.value.check()
  if (sound.kind === "failed") return { kind: "failed", why: `${sound.why}; mend it with e2fsck -f, then flash again` }
  const where = chosen.value.number === 0 ? image : `${image}, partition ${chosen.value.number}`
  return { kind: "ok", value: imageTarget(image, where, opened.value) }
}

async function choose(image: string, found: readonly Partition[], asked: number | undefined): Promise<Result<Partition>> {
  const listed = found.map(({ number, name }) => `${number}${name === "" ? "" : ` (${name})`}`).join(", ")
  if (asked !== undefined) {
    const one = found.find(({ number }) => number === asked)
    if (one !== undefined) return { kind: "ok", value: one }
    return { kind: "failed", why: `partition ${asked} of ${image} holds no ext4; these do: ${listed}` }
  }
  const roots: Partition[] = []
  for (const each of found) {
    const opened = await openExt4({ image, offsetBytes: each.offsetBytes })
    // One that cannot be opened may be the root: it is tried, and says why.
    if (opened.kind === "failed") roots.push(each)
    else if ((await opened.value.names("/etc")).includes("os-release")) roots.push(each)
  }
  const [only] = roots
  if (only !== undefined && roots.length === 1) return { kind: "ok", value: only }
  const which = roots.length === 0 ? "none holds a root file system" : `${roots.length} hold a root file system`
  return { kind: "failed", why: `of the ext4 partitions ${listed} of ${image} ${which}: choose with --partition` }
}

function imageTarget(image: string, where: string, files: Ext4): FlashTarget {
  /** The path without links, below the root of the image; `isLast` follows the last part, too. */
  async function resolve(path: string, followsLast: boolean): Promise<string> {
    const waiting = path.split("/").filter((part) => part !== "" && part !== ".")
    let at = "/"
    for (let links = 0; waiting.length > 0; ) {
      const part = waiting.shift() ?? ""
      const next = posix.join(at, part)
      const isLast = waiting.length === 0
      const target = isLast && !followsLast ? undefined : (await files.stat(next))?.linkTarget
      if (target === undefined) {
        at = next
        continue
      }
      if (++links > linksMax) throw new Error(`${path} in ${image} leads in a circle of links`)
      if (target.startsWith("/")) at = "/"
      waiting.unshift(...target.split("/").filter((word) => word !== "" && word !== "."))
    }
    return at
  }

  /** What makes one entry, in debugfs' words; `source` is the file here that holds its bytes. */
  async function commandsFor(entry: LayoutEntry, source: string, made: Set<string>): Promise<readonly string[]> {
    const path = await resolve(entry.path, false)
    if (entry.kind === "folder") return makeFolders(path, entry.mode, made)
    const there = await files.stat(path)
    if (entry.kind === "text" && entry.isOwners && there !== undefined) return []
    const folder = posix.dirname(path)
    const room = [...(await makeFolders(folder, 0o755, made)), ...(there === undefined ? [] : [`rm "${path}"`])]
    switch (entry.kind) {
      case "link":
        return [...room, `symlink "${path}" "${entry.target}"`, ...setOwner(path)]
      case "program":
      case "text":
        // `write` would take a path for the name of the file.
        return [
          ...room,
          `cd "${folder}"`,
          `write "${source}" "${posix.basename(path)}"`,
          ...setMode(path, 0o100000 | entry.mode),
        ]
      default:
        return unreachable(entry)
    }
  }

  async function makeFolders(path: string, mode: number, made: Set<string>): Promise<readonly string[]> {
    if (path === "/" || made.has(path) || (await files.stat(path)) !== undefined) return []
    const above = await makeFolders(posix.dirname(path), 0o755, made)
    made.add(path)
    return [...above, `mkdir "${path}"`, ...setMode(path, 0o040000 | mode)]
  }

  return {
    where,
    names: async (folder) => files.names(await resolve(folder, true)),
    async read(path) {
      const at = await resolve(path, true)
      return (await files.stat(at))?.type === "regular" ? files.read(at) : undefined
    },

    async place(entries, program, removed) {
      const wantedBytes = (await stat(program)).size + freeBytesMin
      const freeBytes = await files.freeBytes()
      if (freeBytes < wantedBytes) {
        const megabytes = (bytes: number) => Math.ceil(bytes / 1e6)
        const why = `${where} has ${megabytes(freeBytes)} MB free, and ${megabytes(wantedBytes)} are needed: make image and file system larger (truncate, resize2fs)`
        return { kind: "failed", why }
      }
      const scratch = await mkdtemp(join(tmpdir(), "gatehouse-flash-"))
      try {
        const commands: string[] = []
        const made = new Set<string>()
        for (const [index, entry] of entries.entries()) {
          const source = entry.kind === "program" ? program : join(scratch, String(index))
          if (entry.kind === "text") await writeFile(source, entry.text)
          commands.push(...(await commandsFor(entry, source, made)))
        }
        for (const path of removed) {
          const at = await resolve(path, false)
          if ((await files.stat(at)) !== undefined) commands.push(`rm "${at}"`)
        }
        const written = await files.write(commands)
        if (written.kind === "ok") await syncFile(image)
        return written
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },

    look: async (path) => lookAt(files, await resolve(path, false)),
    check: () => files.check(),
  }
}

async function lookAt(files: Ext4, path: string): Promise<Found | undefined> {
  const found = await files.stat(path)
  if (found === undefined) return undefined
  const { type, mode, owner, linkTarget } = found
  if (linkTarget !== undefined) return { kind: "link", target: linkTarget }
  if (type === "directory") return { kind: "folder", mode, owner }
  const bytes = type === "regular" ? await files.read(path) : undefined
  return bytes === undefined ? { kind: "other" } : { kind: "file", mode, owner, sha256: sha256Of(bytes) }
}

/** With the kind of file in the mode, as the inode has it. */
function setMode(path: string, mode: number): readonly string[] {
  return [`set_inode_field "${path}" mode 0${mode.toString(8)}`, ...setOwner(path)]
}

function setOwner(path: string): readonly string[] {
  return ["uid", "gid"].map((field) => `set_inode_field "${path}" ${field} 0`)
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
