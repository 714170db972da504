import { Database } from "bun:sqlite"
import { closeSync, existsSync, openSync, statfsSync } from "node:fs"
import { dirname } from "node:path"
import type { Result } from "../base/result.ts"
import { applicationId } from "./migrate.ts"
import { migrations } from "./migrations/index.ts"
import { busyWaitMs, wordsFor } from "./trouble.ts"

/** What a whole database holds. */
export interface Contents {
  /** `user_version`: how many migrations it has seen. */
  readonly schema: number
  /** Rows of each table. */
  readonly rows: Readonly<Record<string, number>>
}

/**
 * Copies the database as it is at one moment into a new file, readable by this user alone. Others may go on writing meanwhile:
 * a reader stands in nobody's way, only the write-ahead log grows until the copy is done. Free pages stay behind, and what was
 * deleted in them. Blocks its thread until it is done, so it is a process's own work. The file is not synced yet.
 */
export function copyDatabase(path: string, into: string): Result<void> {
  if (!existsSync(path)) return { kind: "failed", why: `${path} is not there: nothing has been stored in this data folder yet` }
  let database: Database | undefined
  try {
    database = new Database(path, { readwrite: true, create: false })
    database.run(`pragma busy_timeout = ${busyWaitMs}`)
    const neededBytes = pragmaNumber(database, "page_count") * pragmaNumber(database, "page_size")
    const room = roomFor(into, neededBytes)
    if (room.kind === "failed") return room
    // SQLite takes an empty file that is there already, and leaves its mode as it is.
    closeSync(openSync(into, "wx", 0o600))
    using copying = database.prepare("vacuum main into ?")
    copying.run(into)
    return { kind: "ok", value: undefined }
  } catch (error) {
    return { kind: "failed", why: `${path} could not be copied to ${into}: ${wordsFor(error)}` }
  } finally {
    database?.close()
  }
}

/** Copies take no more than this share of what is free: the box needs the rest to go on. */
const freeShareMax = 0.9

function roomFor(into: string, neededBytes: number): Result<void> {
  const { bavail, bsize } = statfsSync(dirname(into))
  const freeBytes = bavail * bsize
  if (neededBytes <= freeBytes * freeShareMax) return { kind: "ok", value: undefined }
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`
  const why = `${dirname(into)} has ${megabytes(freeBytes)} free, and up to ${megabytes(neededBytes)} are needed: make room, or choose a folder on another disk`
  return { kind: "failed", why }
}

/** Reads every page, index and reference of a closed database, and counts its rows. Nothing is changed. */
export function examineDatabase(path: string): Result<Contents> {
  let database: Database | undefined
  try {
    database = new Database(path, { readonly: true })
    const fault = faultIn(database)
    if (fault !== undefined) return { kind: "failed", why: `${path}: ${fault}` }
    const tables = readAll<{ name: string }>(
      database,
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name",
    )
    const rows: Record<string, number> = {}
    for (const { name } of tables)
      rows[name] = readAll<{ rows: number }>(database, `select count(*) as rows from "${name}"`)[0]?.rows ?? 0
    return { kind: "ok", value: { schema: pragmaNumber(database, "user_version"), rows } }
  } catch (error) {
    return { kind: "failed", why: `${path}: ${wordsFor(error)}` }
  } finally {
    database?.close()
  }
}

function faultIn(database: Database): string | undefined {
  if (pragmaNumber(database, "application_id") !== applicationId) return "it is the database of another program"
  const schema = pragmaNumber(database, "user_version")
  if (schema > migrations.length)
    return `it was written by a newer Gatehouse (schema ${schema}; this one knows up to ${migrations.length}): use the newer program`
  const found = readAll<{ integrity_check: string }>(database, "pragma integrity_check(1)")[0]?.integrity_check
  if (found !== "ok") return `it is damaged (${found})`
  const dangling = readAll<{ table: string; parent: string }>(database, "pragma foreign_key_check")[0]
  if (dangling !== undefined) return `it is damaged (a row of ${dangling.table} refers to none of ${dangling.parent})`
  return undefined
}

function pragmaNumber(database: Database, name: string): number {
  return readAll<Record<string, number>>(database, `pragma ${name}`)[0]?.[name] ?? 0
}

/** Ends the statement at once: one that is left open keeps the file open when the database is closed. */
function readAll<Row>(database: Database, sql: string): Row[] {
  using statement = database.prepare<Row, []>(sql)
  return statement.all()
}
