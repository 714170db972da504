import { Database, SQLiteError } from "bun:sqlite"
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import type { Result } from "../base/result.ts"
import { openReserve } from "./reserve.ts"
import { type OpenedStore, openStore, type WatchCommit } from "./store.ts"
import { wordsFor } from "./trouble.ts"

/** What lies in a data folder by these names is ours. */
export const dataFolderFiles = {
  database: "gatehouse.db",
  /** Empty for ever: only the system's locks on it mean something, and they end with the process that holds them. */
  lock: "gatehouse.lock",
  /** Holds space back for when the disk is full. */
  reserve: "gatehouse.reserve",
  /** There while a restore is at work, and after one that was interrupted. */
  restoring: "restore-under-way",
  /** Who was erased. It stays where it is when a backup is restored, which may be older. */
  erased: "erased.jsonl",
} as const

/** Opens the database of a data folder, and holds the folder until the store is closed: nothing is restored over it meanwhile. */
export function openDataFolder(folder: string, watchCommit?: WatchCommit): OpenedStore {
  const held = holdDataFolder(folder)
  if (held.kind === "failed") return held
  const interrupted = join(folder, dataFolderFiles.restoring)
  if (existsSync(interrupted)) {
    held.value[Symbol.dispose]()
    return { kind: "failed", why: `${folder}: a restore was interrupted here: run gatehouse restore again to end it` }
  }
  const opened = openStore(join(folder, dataFolderFiles.database), undefined, watchCommit)
  if (opened.kind === "failed") {
    held.value[Symbol.dispose]()
    return opened
  }
  const { store } = opened
  const reserve = openReserve(join(folder, dataFolderFiles.reserve))
  const keepReserve = () => {
    try {
      reserve.keep()
    } catch {
      // It filled up in this very moment: the next look comes.
      reserve.release()
    }
  }
  keepReserve()
  const looking = setInterval(keepReserve, lookEveryMs)
  looking.unref()
  // With the space of the reserve the log can be folded into the database, and then there is room to delete.
  store.whenFull(() => {
    reserve.release()
    store.shrinkLog()
  })
  const close = () => {
    clearInterval(looking)
    store.close()
    held.value[Symbol.dispose]()
  }
  return { kind: "ok", store: { ...store, close } }
}

/** How soon the reserve is taken back once there is room again. */
const lookEveryMs = 30_000

/** Shared by every process that uses the folder: the box, and commands beside it. Waits a moment for a restore that ends. */
export function holdDataFolder(folder: string): Result<Disposable> {
  return lock(folder, `${folder}: a backup is being restored there: wait until that is done`, (database) => {
    database.run("pragma busy_timeout = 1000")
    database.run("begin")
    // The lock is taken by reading, and kept until the transaction ends.
    using reading = database.prepare("select count(*) from sqlite_schema")
    reading.get()
  })
}

/** For one process alone, and only while nobody else uses the folder. */
export function claimDataFolder(folder: string): Result<Disposable> {
  const inUse = `${folder} is in use: stop the box and every other gatehouse command on it, then run this again`
  return lock(folder, inUse, (database) => {
    // A rollback journal beside it would be one more file that a kill leaves behind.
    database.run("pragma journal_mode = memory")
    database.run("begin exclusive")
  })
}

/**
 * SQLite's locks on a file of their own rather than on the database: they must work when the database is damaged, which is when
 * somebody restores.
 */
function lock(folder: string, busy: string, take: (database: Database) => void): Result<Disposable> {
  const path = join(folder, dataFolderFiles.lock)
  let database: Database | undefined
  try {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
    closeSync(openSync(path, "a", 0o600))
    const opened = new Database(path, { create: true, readwrite: true })
    database = opened
    take(opened)
    return { kind: "ok", value: { [Symbol.dispose]: () => opened.close(true) } }
  } catch (error) {
    database?.close()
    const isBusy = error instanceof SQLiteError && error.code === "SQLITE_BUSY"
    return { kind: "failed", why: isBusy ? busy : `${path}: ${wordsFor(error)}` }
  }
}
