import { Database } from "bun:sqlite"
import { createHash } from "node:crypto"

/** Table → how many rows, and one checksum over all of them in the order of their values. */
export type Dump = Readonly<Record<string, { readonly rows: number; readonly sha256: string }>>

/** What a database says, whatever pages it says it on. `path` may be in use: all tables are read at one moment. */
export function dumpDatabase(path: string): Dump {
  using database = new Database(path, { readonly: true })
  database.run("pragma busy_timeout = 5000")
  database.run("begin")
  const names = read<{ name: string }>(database, "select name from sqlite_schema where type = 'table' order by name")
  const dump: Record<string, { rows: number; sha256: string }> = {}
  for (const { name } of names) dump[name] = dumpTable(database, name)
  database.run("rollback")
  return dump
}

function dumpTable(database: Database, name: string): Dump[string] {
  const columns = read<{ name: string }>(database, `select name from pragma_table_info('${name}')`).map((column) => column.name)
  // The type stands beside each value: a text of digits is not a number.
  const cells = columns.map((column) => `typeof("${column}") || quote("${column}")`).join(" || ',' || ")
  using rows = database.prepare<{ row: string }, []>(`select ${cells} as row from "${name}" order by 1`)
  const hash = createHash("sha256")
  let count = 0
  for (const { row } of rows.iterate()) {
    hash.update(row).update("\n")
    count++
  }
  return { rows: count, sha256: hash.digest("hex") }
}

/** What SQLite itself finds wrong with a file; `[]` when nothing is. */
export function faultsOf(path: string): string[] {
  using database = new Database(path, { readonly: true })
  database.run("pragma busy_timeout = 5000")
  const found = read<{ integrity_check: string }>(database, "pragma integrity_check").map((row) => row.integrity_check)
  const dangling = read<{ table: string; parent: string }>(database, "pragma foreign_key_check")
  return [
    ...found.filter((line) => line !== "ok"),
    ...dangling.map(({ table, parent }) => `a row of ${table} refers to none of ${parent}`),
  ]
}

function read<Row>(database: Database, sql: string): Row[] {
  using statement = database.prepare<Row, []>(sql)
  return statement.all()
}
