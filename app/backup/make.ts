import { existsSync } from "node:fs"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Result } from "../base/result.ts"
import { version } from "../base/version.ts"
import { copyDatabase, examineDatabase } from "../store/copy.ts"
import { dataFolderFiles, holdDataFolder } from "../store/data-folder.ts"
import { keysTable, readKeyOwners } from "../store/key-copies.ts"
import { appendManifest, type Described, type Manifest, readManifest, shredKeys, verifyPayload } from "./file.ts"
import { type Detached, detachKeys, sealPayload } from "./sealing.ts"

/**
 * Writes everything a data folder holds, as it is at one moment, into one new file; a box may run on it meanwhile. The file gets
 * its name only after the copy has been examined, page by page and row by row, and what lies on disk has been read again. Of a
 * sealed folder it is sealed, and opens with the master key or with the recovery key. Blocks its process for most of that time, so
 * a box has a process of its own do it.
 * @param number in the order of the folder's backups; 0 for one outside of it
 * @param offered the master keys at hand, 32 bytes each; none are needed where nothing is sealed
 */
export async function makeBackup(
  dataFolder: string,
  file: string,
  number = 0,
  offered: readonly Uint8Array[] = [],
): Promise<Result<Manifest>> {
  if (existsSync(file)) return { kind: "failed", why: `${file} is there already: choose another name, or move it away` }
  const database = join(dataFolder, dataFolderFiles.database)
  if (!existsSync(database))
    return { kind: "failed", why: `${database} is not there: give the data folder of the box with --data or GATEHOUSE_DATA` }
  const held = holdDataFolder(dataFolder)
  if (held.kind === "failed") return held
  using _ = held.value
  const [copy, draft] = [draftOf(`${file}.copy`), draftOf(file)]
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const createdAtMs = Date.now()
    const copied = copyDatabase(database, copy)
    if (copied.kind === "failed") return copied
    const contents = examineDatabase(copy)
    if (contents.kind === "failed") return contents
    const described = { program: version, createdAtMs, number, ...contents.value }
    const detached = detachKeys(copy, contents.value.schema, offered)
    if (detached.kind === "failed") return detached
    if (detached.value === undefined) {
      await rename(copy, draft)
      await appendManifest(draft, { format: 1, ...described }, "none")
    } else await writeSealed(copy, draft, described, detached.value)
    const checked = await checkBackup(draft)
    if (checked.kind === "failed") return checked
    await rename(draft, file)
    await syncFolder(dirname(file))
    const followed = await followShreds(database, file, checked.value)
    return followed.kind === "failed" ? followed : checked
  } catch (error) {
    return { kind: "failed", why: `${file} could not be written: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    await rm(copy, { force: true })
    await rm(draft, { force: true })
  }
}

async function writeSealed(
  copy: string,
  draft: string,
  described: Omit<Described, "format">,
  detached: Detached,
): Promise<void> {
  const own: Described = { format: 2, ...described, rows: { ...described.rows, [keysTable]: 0 } }
  await sealPayload(copy, draft, own, detached)
  await rm(copy)
  await appendManifest(draft, own, detached.master.wrapping.suite.name, detached.keys)
}

/**
 * Who was erased while the backup was being made was not on the shelf's list yet: keys that the box has dropped since the copy was
 * taken are dropped here too. Only now, when the file has its name and every later erasure finds it.
 */
async function followShreds(database: string, file: string, { keys }: Manifest): Promise<Result<void>> {
  if (keys === undefined) return { kind: "ok", value: undefined }
  const owners = readKeyOwners(database)
  if (owners.kind === "failed") return owners
  await shredKeys(file, keys, (owner) => !owners.value.has(owner))
  return { kind: "ok", value: undefined }
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
