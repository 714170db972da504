import { chmod, copyFile, lutimes, mkdir, readdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { PackageEntry } from "./contents.ts"

/**
 * Lays the entries out below `folder`, with their modes, and everything as old as `epochSeconds`: packed in the order of names,
 * two stages of the same entries are equal to the byte.
 */
export async function stage(entries: readonly PackageEntry[], folder: string, epochSeconds: number): Promise<void> {
  await makeFolder(folder, 0o755)
  for (const entry of entries) {
    const at = join(folder, entry.path)
    await makeParents(dirname(at), folder)
    if (entry.kind === "folder") {
      await makeFolder(at, entry.mode)
      continue
    }
    if (typeof entry.from === "string") await copyFile(entry.from, at)
    else await writeFile(at, entry.from.bytes)
    await chmod(at, entry.mode)
  }
  await setTimes(folder, epochSeconds)
}

/** The umask of whoever packs must not decide what others may read. */
async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true })
  await chmod(path, mode)
}

async function makeParents(path: string, top: string): Promise<void> {
  if (path === top) return
  await makeParents(dirname(path), top)
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o755)
}

async function setTimes(folder: string, epochSeconds: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await setTimes(path, epochSeconds)
    else await lutimes(path, epochSeconds, epochSeconds)
  }
  await lutimes(folder, epochSeconds, epochSeconds)
}
