import { existsSync } from "node:fs"
import { chmod, open, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { version } from "../base/version.ts"
import { claimDataFolder, dataFolderFiles } from "../store/data-folder.ts"
import { openStore, type Store } from "../store/store.ts"
import type { JsonObject } from "../vault/canonical.ts"
import type { Receipt } from "../vault/signer.ts"
import { type FolderNeeds, type FolderOptions, openBoxFolder } from "./open.ts"

/** What a box says of its end. */
export interface WipeBody extends JsonObject {
  readonly what: "wipe of a data folder"
  readonly folder: string
  readonly wipedAtMs: number
  readonly program: string
  /** What was in it. -1: it could not be opened, so nobody counted. */
  readonly people: number
  readonly faces: number
  readonly sightings: number
  readonly files: number
  readonly bytes: number
  /** What was done, in this order. */
  readonly steps: readonly string[]
  /** What the program cannot reach, and somebody has to. */
  readonly left: readonly string[]
}

export type Wiped =
  /** Not signed where the folder could not be opened: what it signs with was in it. */
  | { readonly kind: "wiped"; readonly body: WipeBody; readonly certificate?: Receipt<WipeBody> }
  | { readonly kind: "failed"; readonly why: string }

export interface WipeOptions extends FolderOptions {
  /** Backups that lie outside of the data folder. */
  readonly backups: readonly string[]
}

const zeros = Buffer.alloc(1024 * 1024)

/**
 * Shreds a data folder for good: the keys first, so that whatever is left after a power cut opens no more, then every file, with
 * zeros. The folder has to be nobody's at that moment.
 */
export async function wipeFolder(options: WipeOptions, needs: FolderNeeds): Promise<Wiped> {
  const { dataFolder, vault, backups } = options
  const database = join(dataFolder, dataFolderFiles.database)
  if (!existsSync(database))
    return { kind: "failed", why: `${dataFolder} holds no database of Gatehouse: name its data folder with --data` }
  const before = lookInto(options, needs)
  const claimed = claimDataFolder(dataFolder)
  if (claimed.kind === "failed") return claimed
  const steps: string[] = []
  let files = 0
  let bytes = 0
  const shred = async (path: string) => {
    bytes += await overwrite(path)
    files++
  }
  try {
    if (dropKeys(database))
      steps.push("the wrapped keys, what the box signs with and the keys of its site were deleted from the database")
    if (vault.keyFile !== null && existsSync(vault.keyFile)) {
      await shred(vault.keyFile)
      steps.push("the master key's file was overwritten and removed")
    }
    for (const path of [...(await filesBelow(dataFolder)), ...backups])
      if (path !== join(dataFolder, dataFolderFiles.lock)) await shred(path)
  } finally {
    claimed.value[Symbol.dispose]()
  }
  // What is left is folders, links and the lock, which holds nothing.
  await rm(dataFolder, { recursive: true, force: true })
  steps.push("every file of the data folder and every backup on the shelf was overwritten with zeros and removed")
  const body: WipeBody = {
    what: "wipe of a data folder",
    ...{ folder: dataFolder, wipedAtMs: Date.now(), program: version, ...before.counts, files, bytes, steps },
    left: left(options, needs),
  }
  return { kind: "wiped", body, ...(before.sign && { certificate: before.sign(body) }) }
}

interface Before {
  readonly counts: Pick<WipeBody, "people" | "faces" | "sightings">
  readonly sign?: (body: WipeBody) => Receipt<WipeBody>
}

/** The signer keeps its key in memory once it was asked for it. */
function lookInto(options: FolderOptions, needs: FolderNeeds): Before {
  const opened = openBoxFolder(options, { ...needs, seals: false })
  if (opened.kind !== "ok") return { counts: { people: -1, faces: -1, sightings: -1 } }
  const { store, vault } = opened.value
  try {
    vault.signer.publicKey()
    const counts = { people: count(store, "subjects"), faces: count(store, "faces"), sightings: count(store, "sightings") }
    return { counts, sign: vault.signer.sign }
  } finally {
    store.close()
  }
}

function count(store: Store, table: "subjects" | "faces" | "sightings"): number {
  return store.prepare<{ count: number }>(`select count(*) as count from ${table}`).get()?.count ?? 0
}

/** False for a database that does not open any more. */
function dropKeys(database: string): boolean {
  const opened = openStore(database)
  if (opened.kind === "failed") return false
  try {
    for (const table of ["data_keys", "site_secrets", "sync_settings", "vault"])
      opened.store.prepare(`delete from ${table}`).run()
    return opened.store.shrinkLog()
  } finally {
    opened.store.close()
  }
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  // Not what a link leads to, which may be anybody's.
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** How long it was. Its name goes as well: names of backups tell when they were made. */
async function overwrite(path: string): Promise<number> {
  const { size } = await stat(path)
  await chmod(path, 0o600)
  {
    await using file = await open(path, "r+")
    for (let at = 0; at < size; at += zeros.length) await file.write(zeros, 0, Math.min(zeros.length, size - at), at)
    await file.sync()
  }
  const nameless = join(dirname(path), crypto.randomUUID())
  await rename(path, nameless)
  await rm(nameless)
  return size
}

function left({ vault: { keyFile } }: FolderOptions, { env = process.env }: FolderNeeds): readonly string[] {
  return [
    ...(env.GATEHOUSE_MASTER_KEY === undefined ? [] : ["GATEHOUSE_MASTER_KEY, in whatever sets it"]),
    ...(env.CREDENTIALS_DIRECTORY === undefined ? [] : ["the systemd credential gatehouse-master"]),
    ...(keyFile === null ? [] : ["copies of the master key's file that were made elsewhere"]),
    "backups that were taken elsewhere: sealed ones open with the recovery key and with the master key alone",
    "what flash memory keeps of overwritten blocks: where nothing was sealed, have the disk erase itself as well",
  ]
}
