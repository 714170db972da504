import { createReadStream } from "node:fs"
import { copyFile, lstat, mkdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises"
import { dirname } from "node:path"
import { pipeline } from "node:stream/promises"
import { unreachable } from "../../base/assert.ts"
import { replaceFile, syncFolder } from "../../base/replace-file.ts"
import { inside } from "./inside.ts"
import type { LayoutEntry } from "./layout.ts"

/** What became of one path. */
export interface Done {
  readonly path: string
  /** `kept`: it is the owner's. */
  readonly did: "made" | "changed" | "unchanged" | "kept" | "removed"
}

/**
 * Makes one entry of the layout so, if it is not so already. Files appear whole under their name or not at all, and are on the disk.
 * @param root of the machine to be
 * @param program the file that becomes the program
 */
export async function put(entry: LayoutEntry, root: string, program: string): Promise<Done> {
  const path = inside(root, entry.path)
  const there = await typeOf(path)
  const done = (did: Done["did"]): Done => ({ path: entry.path, did })
  switch (entry.kind) {
    case "folder":
      if (there === "folder") return done("unchanged")
      await mkdir(path, { recursive: true, mode: entry.mode })
      return done("made")
    case "program":
      if (there === "file" && (await isSame(path, program)) && (await hasMode(path, entry.mode))) return done("unchanged")
      await replaceFile(path, entry.mode, (draft) => copyFile(program, draft))
      return done(there === undefined ? "made" : "changed")
    case "text":
      if (there !== undefined && entry.isOwners) return done("kept")
      if (there === "file" && (await readFile(path, "utf8")) === entry.text && (await hasMode(path, entry.mode)))
        return done("unchanged")
      await replaceFile(path, entry.mode, async (draft) => void (await Bun.write(draft, entry.text)))
      return done(there === undefined ? "made" : "changed")
    case "link":
      if (there === "link" && (await readlink(path)) === entry.target) return done("unchanged")
      await mkdir(dirname(path), { recursive: true, mode: 0o755 })
      await replaceLink(path, entry.target)
      return done(there === undefined ? "made" : "changed")
    default:
      return unreachable(entry)
  }
}

/** What goes wrong with a disk, in words and with the remedy; `undefined` is a bug. What was there before is as it was. */
export function whyNotPut(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined
  const remedies: Readonly<Record<string, string>> = {
    ENOSPC: "make room on that disk (the program takes 150 MB, twice that during an update)",
    EDQUOT: "make room, or have the quota of that disk raised",
    EROFS: "mount that file system writable",
    EIO: "that disk is failing: look at dmesg",
    EPERM: "that file may be made immutable: lsattr shows it, chattr -i takes it away",
    EACCES: "run it as root",
    EISDIR: "a folder has the name of that file: move it away",
    ENOTDIR: "a file has the name of that folder: move it away",
    EEXIST: "a file has the name of that folder: move it away",
    ELOOP: "mend those links",
  }
  const remedy = remedies[String(error.code)]
  return remedy && `${error.message}: ${remedy}`
}

/** Removes a file, a link, or a folder with all that is in it; `undefined` where nothing is. */
export async function remove(path: string, root: string): Promise<Done | undefined> {
  const own = inside(root, path)
  if ((await typeOf(own)) === undefined) return undefined
  await rm(own, { recursive: true, force: true })
  await syncFolder(dirname(own))
  return { path, did: "removed" }
}

/** As a file: the old one or the new one is there, also after a power cut, and then a unit is started at boot. */
async function replaceLink(path: string, target: string): Promise<void> {
  const draft = `${path}.draft`
  try {
    await rm(draft, { force: true })
    await symlink(target, draft)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(dirname(path))
}

async function typeOf(path: string): Promise<"file" | "folder" | "link" | "other" | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined
    throw error
  })
  if (found === undefined) return undefined
  if (found.isSymbolicLink()) return "link"
  return found.isFile() ? "file" : found.isDirectory() ? "folder" : "other"
}

/** A program that lost its permission to be run, or a unit that anybody may write, is not as it should be. */
async function hasMode(path: string, mode: number): Promise<boolean> {
  return ((await stat(path)).mode & 0o7777) === mode
}

async function isSame(path: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(path), stat(other)])
  return a.size === b.size && (await digestOf(path)) === (await digestOf(other))
}

async function digestOf(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256")
  await pipeline(createReadStream(path), async (chunks) => {
    for await (const chunk of chunks) hasher.update(chunk)
  })
  return hasher.digest("hex")
}
