import { Database } from "bun:sqlite"
import type { Result } from "../base/result.ts"
import { wordsFor } from "./trouble.ts"

/** The first schema that knows of sites. */
const firstSchema = 12

/**
 * Of a database that is to be put in the place of another one: an older state of a box that has gone on since. The numbers it gave
 * to what it wrote are given away already, so it counts anew under another name; and until it has heard who was erased meanwhile it
 * recognises nobody. Nothing is done to a box that belongs to no site. Its schema stays as it is, and it is a single file again.
 * @returns whether it is the database of a box that belongs to a site
 */
export function beginNewLife(path: string, schema: number): Result<boolean> {
  if (schema < firstSchema) return { kind: "ok", value: false }
  let database: Database | undefined
  try {
    const opened = new Database(path, { readwrite: true, create: false })
    database = opened
    using member = opened.prepare("select 1 from sync_state where box is not null")
    if (member.get() === null) return { kind: "ok", value: false }
    opened.run("pragma journal_mode = delete")
    opened.run("pragma synchronous = full")
    opened.run("pragma secure_delete = on")
    opened.transaction(() => {
      for (const step of steps) opened.run(step)
    })()
    return { kind: "ok", value: true }
  } catch (error) {
    return { kind: "failed", why: `${path}: ${wordsFor(error)}` }
  } finally {
    database?.close()
  }
}

/** As app/sync/store/state.ts begins one. */
const steps = [
  `update sync_state set incarnation = lower(hex(randomblob(6))), sequence = 0, must_read_erasures = 1`,
  `insert into sync_lives (origin, after_sighting, stored_sighting, dropped)
     select box || '.' || incarnation, coalesce(seq, 0), coalesce(seq, 0), 0
     from sync_state left join sqlite_sequence on name = 'sightings'`,
]
