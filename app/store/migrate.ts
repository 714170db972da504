import type { Database } from "bun:sqlite"
import type { Result } from "../base/result.ts"

/** "GATE": marks the file as ours, so that another program's database is never filled with our tables. */
export const applicationId = 0x47415445

/** Brings the schema up to date, one transaction for each step: a kill in between leaves a complete older schema. */
export function migrate(database: Database, steps: readonly string[]): Result<{ readonly schema: number }> {
  const present = readNumber(database, "user_version")
  if (present > steps.length) {
    return {
      kind: "failed",
      why: `it was written by a newer Gatehouse (schema ${present}; this one knows up to ${steps.length}): start the newer program, or restore a backup made before the update`,
    }
  }
  if (isForeign(database, present)) {
    return { kind: "failed", why: "it is the database of another program: choose another data folder" }
  }
  for (let done = present; done < steps.length; done++) {
    database.run("begin immediate")
    try {
      // Another process may have been here between our reading and our lock.
      if (readNumber(database, "user_version") === done) {
        database.run(steps[done] ?? "")
        database.run(`pragma application_id = ${applicationId}`)
        database.run(`pragma user_version = ${done + 1}`)
      }
      database.run("commit")
    } catch (error) {
      if (database.inTransaction) database.run("rollback")
      throw error
    }
  }
  return { kind: "ok", value: { schema: steps.length } }
}

function isForeign(database: Database, present: number): boolean {
  if (readNumber(database, "application_id") === applicationId) return false
  return present > 0 || database.query("select 1 from sqlite_schema limit 1").get() !== null
}

function readNumber(database: Database, pragma: "user_version" | "application_id"): number {
  const row = database.query<Record<string, number>, []>(`pragma ${pragma}`).get()
  return row?.[pragma] ?? 0
}
