import type { Store } from "../../store/store.ts"
import type { Origin } from "../merge.ts"
import type { SightingRows } from "../sightings.ts"
import type { ReadSightings } from "./sync-store.ts"

interface Life {
  readonly origin: Origin
  /** The last sighting before this life began. */
  readonly after: number
  /** The last one of it, or the greatest number for the present life. */
  readonly until: number
  readonly stored: number
}

/** What a sighting takes on its way up, until some were read; measured of frames with one face. */
const bytesEachDefault = 400

/**
 * Sightings go up from the table in which they are recorded, by the numbers they have there: no copy fills the disk, and the limits
 * of that table are the only ones that take anything from it. A life speaks of what was recorded in it: the numbers before a
 * restore are its predecessor's, which the hub may have already. What was seen before the box joined stays here.
 */
export function openSightingRows(store: Store, read: ReadSightings, bytesMax: number): SightingRows {
  const selectLives = store.prepare<Life>(`
    select origin, after_sighting as after, stored_sighting as stored,
      coalesce((select min(later.after_sighting) from sync_lives as later where later.number > sync_lives.number), ${Number.MAX_SAFE_INTEGER}) as until
    from sync_lives order by number`)
  const selectAny = store.prepare("select 1 from sightings where number > ? and number <= ? limit 1")
  const selectNewest = store.prepare<{ seq: number }>("select seq from sqlite_sequence where name = 'sightings'")
  const selectCount = store.prepare<{ rows: number }>("select count(*) as rows from sightings where number > ? and number <= ?")
  const update = store.prepare("update sync_lives set stored_sighting = ?, dropped = dropped + ? where origin = ?")
  let bytesEach = bytesEachDefault
  /** What was handed out last: how many there were between two numbers. */
  let batch: { readonly origin: Origin; readonly after: number; readonly last: number; readonly rows: number } | undefined

  const lifeOf = (origin: Origin): Life | undefined => selectLives.all().find((life) => life.origin === origin)

  return {
    origins: () =>
      selectLives
        .all()
        .filter(({ after, until }) => selectAny.get(after, until) !== undefined)
        .map(({ origin }) => origin),

    after(origin, number, limit) {
      const life = lifeOf(origin)
      if (life === undefined) return []
      const newest = selectNewest.get()?.seq ?? 0
      const oldestThatWaits = newest - Math.max(1, Math.floor(bytesMax / bytesEach))
      const after = Math.max(number, life.after)
      const rows = read(Math.max(after, oldestThatWaits), limit).filter((row) => row.number <= life.until)
      const last = rows.at(-1)
      if (last === undefined) return []
      bytesEach = rows.reduce((sum, { bytes }) => sum + bytes.length, 0) / rows.length
      batch = { origin, after, last: last.number, rows: rows.length }
      return rows
    },

    setStored(origin, number) {
      const life = lifeOf(origin)
      if (life === undefined || number <= life.stored) return
      const wereSent =
        batch?.origin === origin && batch.last === number && batch.after === life.stored
          ? batch.rows
          : (selectCount.get(life.stored, number)?.rows ?? 0)
      // A hub that tells of more than this disk has seen knows of them from before an old copy was put in its place.
      const known = Math.min(number, selectNewest.get()?.seq ?? 0, life.until)
      update.run(number, Math.max(0, known - life.stored - wereSent), origin)
    },
  }
}
