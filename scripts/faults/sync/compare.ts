import { Database } from "bun:sqlite"
import { join } from "node:path"
import type { SyncBox } from "./box.ts"

/** What a box that was stopped holds, read from its database as it lies there, by this program and not by the box itself. */
export interface Holdings {
  /** Names by id. */
  readonly subjects: ReadonlyMap<string, string>
  /** Whose they are, by id. */
  readonly faces: ReadonlyMap<string, string>
  /** Kind, origin and sequence by the path of the entity. */
  readonly records: ReadonlyMap<string, string>
  /** Of all these: equal for boxes that agree. */
  readonly digest: string
}

/** Only of folders that are not sealed. */
export function holdingsOf(box: Pick<SyncBox, "folder">): Holdings {
  using database = new Database(join(box.folder, "gatehouse.db"), { readonly: true })
  const details = database.query<[string, Uint8Array], []>("select id, details from subjects order by id").values() as [
    string,
    Uint8Array,
  ][]
  const pairs = (sql: string) => new Map(database.query<[string, string], []>(sql).values() as [string, string][])
  const subjects = new Map(
    details.map(([id, json]) => [id, (JSON.parse(new TextDecoder().decode(json)) as { name: string }).name]),
  )
  const faces = pairs("select id, subject_id from faces where twin_of is null order by id")
  const records = pairs("select hex(entity), kind || ' ' || origin || ' ' || sequence from sync_rows order by entity")
  const digest = Bun.hash(JSON.stringify([[...subjects], [...faces], [...records]])).toString(16)
  return { subjects, faces, records, digest }
}

/** In what two boxes differ, in a few words for a person who has to find out why; `undefined` when in nothing. */
export function difference(a: Holdings, b: Holdings): string | undefined {
  const told = (["subjects", "faces", "records"] as const).flatMap((what) => {
    const [one, other] = [a[what], b[what]]
    const keys = [...new Set([...one.keys(), ...other.keys()])].filter((key) => one.get(key) !== other.get(key))
    const [first] = keys
    if (first === undefined) return []
    return [`${keys.length} ${what}, as ${first}: ${one.get(first) ?? "none"} / ${other.get(first) ?? "none"}`]
  })
  return told.length === 0 ? undefined : told.join("; ")
}

/** What a box still has to say: changes that are no records yet, and records that the hub has not got, or may have lost. */
export function dueOf(box: Pick<SyncBox, "folder">): number {
  using database = new Database(join(box.folder, "gatehouse.db"), { readonly: true })
  return database.query<{ count: number }, []>(dueSql).get()?.count ?? 0
}

const dueSql = `
  select (select count(*) from sync_rows where standing <> 'held')
    + (select count(*) from changes where seq > change_seq) + (backlog is not null) as count
  from sync_state`

/** People and faces of a box, twins left out: what can be asked often, also of a large gallery. */
export function countsOf(box: Pick<SyncBox, "folder">): {
  readonly subjects: number
  readonly faces: number
  readonly records: number
} {
  using database = new Database(join(box.folder, "gatehouse.db"), { readonly: true })
  const count = (sql: string) => database.query<{ count: number }, []>(`select count(*) as count from ${sql}`).get()?.count ?? 0
  return { subjects: count("subjects"), faces: count("faces where twin_of is null"), records: count("sync_rows") }
}
