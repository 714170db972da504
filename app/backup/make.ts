import { existsSync } from "node:fs"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Result } from "../base/result.ts"
import { version } from "../base/version.ts"
import { copyDatabase, examineDatabase } from "../store/copy.ts"
import { dataFolderFiles, holdDataFolder } from "../store/data-folder.ts"
import { appendManifest, type Manifest, readManifest, verifyPayload } from "./file.ts"
import { type Sealing, unsealed } from "./sealing.ts"

/**
 * Writes everything a data folder holds, as it is at one moment, into one new file; a box may run on it meanwhile. The file gets
 * its name only after the copy has been examined, page by page and row by row, and what lies on disk has been read again.
 * Blocks its process for most of that time, so a box has a process of its own do it.
 * @param number in the order of the folder's backups; 0 for one outside of it
 */
export async function makeBackup(
  dataFolder: string,
  file: string,
  number = 0,
  sealing: Sealing = unsealed,
): Promise<Result<Manifest>> {
  if (existsSync(file)) return { kind: "failed", why: `${file} is there already: choose another name, or move it away` }
  const database = join(dataFolder, dataFolderFiles.database)
  if (!existsSync(database))
    return { kind: "failed", why: `${database} is not there: give the data folder of the box with --data or GATEHOUSE_DATA` }
  const held = holdDataFolder(dataFolder)
  if (held.kind === "failed") return held
  using _ = held.value
  const draft = draftOf(file)
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const createdAtMs = Date.now()
    const copied = copyDatabase(database, draft)
    if (copied.kind === "failed") return copied
    const contents = examineDatabase(draft)
    if (contents.kind === "failed") return contents
    await sealing.seal(draft)
    await appendManifest(draft, { format: 1, program: version, createdAtMs, number, ...contents.value }, sealing.name)
    const checked = await checkBackup(draft)
    if (checked.kind === "failed") return checked
    await rename(draft, file)
    await syncFolder(dirname(file))
    return checked
  } catch (error) {
    return { kind: "failed", why: `${file} could not be written: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    await rm(draft, { force: true })
  }
}

/** Reads a backup as a whole: whether it is one, and whether every byte is as it was. */
export async function checkBackup(file: string): Promise<Result<Manifest>> {
  const manifest = await readManifest(file)
  if (manifest.kind === "failed") return manifest
  const intact = await verifyPayload(file, manifest.value)
  return intact.kind === "failed" ? intact : manifest
}

/** Names the process, so that another one can tell a draft that is being written from one whose process was killed. */
function draftOf(file: string): string {
  return `${file}.draft-${process.pid}`
}

/** The name of the file a draft will get, and whether its process is still there. */
export function readDraftName(name: string): { readonly file: string; readonly alive: boolean } | undefined {
  const found = /^(.*)\.draft-(\d+)$/.exec(name)
  if (found?.[1] === undefined) return undefined
  return { file: found[1], alive: existsSync(`/proc/${found[2]}`) }
}

/** A new name must survive a power cut as well as the bytes behind it. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r")
  await handle.sync()
}
