import { existsSync } from "node:fs"
import { mkdir, readdir, rm, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { readManifest, shredKeys } from "./file.ts"
import { readDraftName } from "./make.ts"
import type { BackupOptions } from "./options.ts"
import { isSealed } from "./sealing.ts"

/** A backup in the folder of backups. */
export interface ShelvedBackup {
  readonly name: string
  /** Counts up: order and retention go by it, for a clock may have been wrong. */
  readonly number: number
  readonly bytes: number
  /** When the file was written, by the clock of then. */
  readonly createdAtMs: number
}

/** The numbered backups of one box in the folder that its configuration names. */
export interface Shelf {
  readonly folder: string
  /** Newest first. */
  list(): Promise<readonly ShelvedBackup[]>
  /** The path and number for the next one. Makes the folder, and clears drafts of processes that were killed. */
  next(nowMs: number): Promise<{ readonly file: string; readonly number: number }>
  /**
   * Removes what is over the options, the oldest first and never the newest, and once the newest is sealed all that are not; says
   * which.
   */
  trim(): Promise<readonly ShelvedBackup[]>
  /**
   * Takes the keys of these owners out of every kept backup, so that nobody can read what they sealed. To be called after the
   * transaction that dropped them from the box: a backup that is being made then looks after itself.
   */
  shred(owners: readonly string[]): Promise<ShreddedBackups>
}

export interface ShreddedBackups {
  /** Backups from which keys can be taken. */
  readonly sealed: number
  /** Keys that were taken out now. */
  readonly shredded: number
  /** Backups of before the folder was sealed, or of one that is not: they hold all that they held. */
  readonly unsealed: number
}

const namePattern = /^gatehouse-(\d{6,})-\d{8}T\d{6}Z\.backup$/

export function openShelf(dataFolder: string, options: Pick<BackupOptions, "folder" | "keep" | "bytesMax">): Shelf {
  const folder = resolve(dataFolder, options.folder)

  async function list(): Promise<readonly ShelvedBackup[]> {
    if (!existsSync(folder)) return []
    const found: ShelvedBackup[] = []
    for (const name of await readdir(folder)) {
      const number = namePattern.exec(name)?.[1]
      if (number === undefined) continue
      const { size, mtimeMs } = await stat(join(folder, name))
      found.push({ name, number: Number(number), bytes: size, createdAtMs: Math.round(mtimeMs) })
    }
    return found.toSorted((a, b) => b.number - a.number || b.name.localeCompare(a.name))
  }

  async function isUnsealed({ name }: ShelvedBackup): Promise<boolean> {
    const manifest = await readManifest(join(folder, name))
    return manifest.kind === "ok" && !isSealed(manifest.value)
  }

  return {
    folder,
    list,

    async next(nowMs) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (const name of await readdir(folder))
        if (readDraftName(name)?.alive === false) await rm(join(folder, name), { force: true })
      const number = ((await list())[0]?.number ?? 0) + 1
      const at = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "")
      return { file: join(folder, `gatehouse-${String(number).padStart(6, "0")}-${at}.backup`), number }
    },

    async trim() {
      const [newest, ...others] = await list()
      if (newest === undefined) return []
      // Only ever for a newest one that can be read: otherwise the older ones are all there is.
      const manifest = await readManifest(join(folder, newest.name))
      if (manifest.kind === "failed") return []
      let bytes = newest.bytes
      const leaving: ShelvedBackup[] = []
      for (const [place, backup] of others.entries()) {
        bytes += backup.bytes
        const isOver = place + 1 >= options.keep || bytes > options.bytesMax
        // What was written before the folder was sealed tells everything to whoever finds it.
        const isPlain = isSealed(manifest.value) && (await isUnsealed(backup))
        if (isOver || isPlain) leaving.push(backup)
      }
      for (const { name } of leaving) await rm(join(folder, name), { force: true })
      return leaving
    },

    async shred(owners) {
      const out = new Set(owners)
      const counts = { sealed: 0, shredded: 0, unsealed: 0 }
      for (const { name } of await list()) {
        const manifest = await readManifest(join(folder, name))
        // One that cannot be read is none: nobody restores it.
        if (manifest.kind === "failed") continue
        const { keys } = manifest.value
        if (keys === undefined) counts.unsealed++
        else {
          counts.sealed++
          counts.shredded += await shredIfThere(join(folder, name), keys, (owner) => out.has(owner))
        }
      }
      return counts
    },
  }
}

/** It may have left meanwhile, for a newer one. */
async function shredIfThere(...[path, place, isOut]: Parameters<typeof shredKeys>): Promise<number> {
  try {
    return await shredKeys(path, place, isOut)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0
    throw error
  }
}
