import { existsSync, readdirSync } from "node:fs"
import { mkdir, open, readdir, rename, rm, statfs } from "node:fs/promises"
import { dirname, join, relative, resolve } from "node:path"
import type { Result } from "../base/result.ts"
import { type Contents, examineDatabase } from "../store/copy.ts"
import { claimDataFolder, dataFolderFiles } from "../store/data-folder.ts"
import { beginNewLife } from "../store/new-life.ts"
import { attachKeys, type RestoreKeys, type Unsealed } from "./attach.ts"
import { extractPayload, type Manifest } from "./file.ts"
import { checkBackup, syncFolder } from "./make.ts"
import { isSealed, type Unsealing, unsealingOf, unsealPayload } from "./sealing.ts"

export interface Restored {
  readonly manifest: Manifest
  /** Of a sealed one. */
  readonly unsealed?: Unsealed
  /** The box belongs to a site: it hears first who was erased since, and recognises nobody before. */
  readonly hearsErasuresFirst?: true
  /** Where what was there before has been put; absent when there was nothing. */
  readonly asideFolder?: string
}

export interface RestoreOptions {
  /** Whether a gallery that is there already gives way. It is put aside, not deleted. */
  readonly replace: boolean
  /** Where the box keeps its backups, relative to the data folder: they stay where they are. */
  readonly backupsFolder: string
}

const draftName = "restore-draft.db"
const draftNames = [draftName, `${draftName}-wal`, `${draftName}-shm`]

/** Of a machine where nothing is sealed. */
const noKeys: RestoreKeys = {
  offered: [],
  makeMaster: () => ({ kind: "failed", why: "there is no place for a master key" }),
}
const asidePrefix = "before-restore-"

/**
 * Makes a data folder of a backup. Everything is verified before anything there is touched. Refuses while any process uses the
 * folder. A kill at any moment leaves the old gallery as it was, or a folder that the box refuses until this is run again.
 */
export async function restoreBackup(
  file: string,
  dataFolder: string,
  options: RestoreOptions,
  keys: RestoreKeys = noKeys,
): Promise<Result<Restored>> {
  const checked = await checkBackup(file)
  if (checked.kind === "failed") return checked
  const manifest = checked.value
  const unsealing = isSealed(manifest) ? await unsealingOf(file, manifest, keys) : undefined
  if (unsealing?.kind === "failed") return unsealing
  const claimed = claimDataFolder(dataFolder)
  if (claimed.kind === "failed") return claimed
  using _ = claimed.value
  try {
    const present = await presentIn(dataFolder, options)
    if (present.kind === "failed") return present
    const draft = join(dataFolder, draftName)
    const made = await draftFrom(file, manifest, draft, unsealing?.value)
    if (made.kind === "failed") return made
    const unsealed = unsealing && (await attachKeys(file, manifest, draft, unsealing.value, keys))
    // In the draft: whoever finds it in its place, after a kill too, finds it so.
    const prepared = unsealed?.kind === "failed" ? unsealed : beginNewLife(draft, manifest.schema)
    if (prepared.kind === "failed") {
      await removeDraft(draft)
      return prepared
    }
    const asideFolder = await swap(draft, dataFolder, present.value)
    return {
      kind: "ok",
      value: {
        manifest,
        ...(unsealed?.kind === "ok" && { unsealed: unsealed.value }),
        ...(prepared.value && { hearsErasuresFirst: true as const }),
        ...(asideFolder !== undefined && { asideFolder }),
      },
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "failed", why: `${dataFolder} could not be restored: ${why}; what was there is still there` }
  }
}

/** Names of the folders in which a restore has put what was there before. */
export function asideFolders(dataFolder: string): readonly string[] {
  return existsSync(dataFolder) ? readdirSync(dataFolder).filter((name) => name.startsWith(asidePrefix)) : []
}

/** What would have to give way, by name. */
async function presentIn(dataFolder: string, { replace, backupsFolder }: RestoreOptions): Promise<Result<readonly string[]>> {
  const staying = new Set<string>([dataFolderFiles.lock, dataFolderFiles.restoring, dataFolderFiles.erased, ...draftNames])
  const backups = relative(dataFolder, resolve(dataFolder, backupsFolder)).split("/")[0]
  if (backups !== undefined) staying.add(backups)
  const entries = await readdir(dataFolder)
  const present = entries.filter((name) => !staying.has(name) && !name.startsWith(asidePrefix))
  // One that was interrupted had leave to go on, and ends what it began.
  if (present.length === 0 || entries.includes(dataFolderFiles.restoring)) return { kind: "ok", value: present }
  if (!present.includes(dataFolderFiles.database))
    return {
      kind: "failed",
      why: `${dataFolder} holds other things than a gallery (${present[0]} for one): choose an empty folder`,
    }
  if (!replace)
    return {
      kind: "failed",
      why: `${dataFolder} holds a gallery already: choose an empty folder with --data, or give --replace to put that gallery aside and take its place`,
    }
  return { kind: "ok", value: present }
}

/** The database of the backup beside the one it is for, examined. */
async function draftFrom(
  file: string,
  manifest: Manifest,
  draft: string,
  unsealing: Unsealing | undefined,
): Promise<Result<void>> {
  await removeDraft(draft)
  const { bavail, bsize } = await statfs(dirname(draft))
  if (bavail * bsize < manifest.payload.bytes)
    return {
      kind: "failed",
      why: `${dirname(draft)} has ${bavail * bsize} bytes free and ${manifest.payload.bytes} are needed: make room, or choose another folder`,
    }
  const failed = async (why: string): Promise<Result<void>> => {
    await removeDraft(draft)
    return { kind: "failed", why }
  }
  if (unsealing === undefined) await extractPayload(file, manifest, draft)
  else {
    const unsealed = await unsealPayload(file, manifest, unsealing, draft)
    if (unsealed.kind === "failed") return failed(unsealed.why)
  }
  const contents = examineDatabase(draft)
  if (contents.kind === "failed") return failed(contents.why)
  const different = difference(manifest, contents.value)
  return different === undefined ? { kind: "ok", value: undefined } : failed(`${file} does not hold what it says: ${different}`)
}

/** With what SQLite put beside it. */
async function removeDraft(draft: string): Promise<void> {
  for (const ending of ["", "-wal", "-shm"]) await rm(`${draft}${ending}`, { force: true })
}

function difference(said: Contents, found: Contents): string | undefined {
  if (said.schema !== found.schema) return `schema ${found.schema} instead of ${said.schema}`
  const tables = new Set([...Object.keys(said.rows), ...Object.keys(found.rows)])
  for (const table of tables)
    if (said.rows[table] !== found.rows[table])
      return `${found.rows[table] ?? "no"} rows in ${table} instead of ${said.rows[table] ?? "none"}`
  return undefined
}

/**
 * While the mark lies there nobody opens the folder: between two renames it would look empty, or be a database with another
 * one's write-ahead log.
 */
async function swap(draft: string, dataFolder: string, present: readonly string[]): Promise<string | undefined> {
  const mark = join(dataFolder, dataFolderFiles.restoring)
  if (!existsSync(mark)) {
    await using written = await open(mark, "wx", 0o600)
    await written.sync()
  }
  await syncFolder(dataFolder)
  const asideFolder = present.length === 0 ? undefined : await putAside(dataFolder, present)
  await rename(draft, join(dataFolder, dataFolderFiles.database))
  await syncFolder(dataFolder)
  await rm(mark)
  await syncFolder(dataFolder)
  return asideFolder
}

async function putAside(dataFolder: string, names: readonly string[]): Promise<string> {
  const taken = new Set(await readdir(dataFolder))
  let number = 1
  while (taken.has(`${asidePrefix}${number}`)) number++
  const folder = join(dataFolder, `${asidePrefix}${number}`)
  await mkdir(folder, { mode: 0o700 })
  for (const name of names) await rename(join(dataFolder, name), join(folder, name))
  await syncFolder(folder)
  return folder
}
