import { SQLiteError } from "bun:sqlite"
import { StorageTrouble } from "../base/storage-trouble.ts"

/** How long a write waits for another process's transaction. All of ours take milliseconds. */
export const busyWaitMs = 5000

/** The disk's or another process's doing, not a bug: SQLite's code (without what is specific to one call) → words. */
const troubles: Readonly<Record<string, string>> = {
  SQLITE_FULL: "the disk of the data folder is full: free some space, or lower sightings.bytesMax",
  SQLITE_IOERR: "the disk of the data folder fails to read or write: look at the system's log",
  SQLITE_BUSY: "another process holds the database: stop it, or wait until it is done",
  SQLITE_READONLY: "the database cannot be written: look at the owner and the mode of the data folder",
  SQLITE_CANTOPEN: "the database cannot be opened: look at the owner and the mode of the data folder",
}

/** Why a write could not be done, in words for a person; `undefined` when the error is something else, which is a bug. */
export function storageTrouble(error: unknown): string | undefined {
  if (error instanceof StorageTrouble) return error.message
  if (!(error instanceof SQLiteError)) return undefined
  // Extended codes go on after the primary one: SQLITE_IOERR_WRITE.
  return troubles[error.code?.split("_").slice(0, 2).join("_") ?? ""]
}

/** The disk's doing as `StorageTrouble`; anything else as it is. */
export function asTrouble(error: unknown): unknown {
  if (error instanceof StorageTrouble) return error
  const why = storageTrouble(error)
  return why === undefined ? error : new StorageTrouble(why, { cause: error })
}

export function isDiskFull(error: unknown): boolean {
  const cause = error instanceof StorageTrouble ? error.cause : error
  return cause instanceof SQLiteError && cause.code === "SQLITE_FULL"
}

/** Why a file could not be opened as a database, in words for a person. */
export function wordsFor(error: unknown): string {
  if (error instanceof SQLiteError) {
    switch (error.code) {
      case "SQLITE_NOTADB":
        return "it is not a database: move it away, or restore a backup"
      case "SQLITE_CORRUPT":
        return "it is damaged: restore a backup"
      case "SQLITE_BUSY":
        return `another process held it for more than ${busyWaitMs / 1000} s: stop that one first`
      case "SQLITE_READONLY":
      case "SQLITE_CANTOPEN":
        return `it cannot be written (${error.message}): look at the owner and the mode of the folder`
      default:
        return `${error.message} (${error.code})`
    }
  }
  return error instanceof Error ? error.message : String(error)
}
