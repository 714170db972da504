import { SQLiteError } from "bun:sqlite"

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
  if (!(error instanceof SQLiteError)) return undefined
  // Extended codes go on after the primary one: SQLITE_IOERR_WRITE.
  return troubles[error.code?.split("_").slice(0, 2).join("_") ?? ""]
}
