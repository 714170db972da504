import type { Store } from "../store/store.ts"
import { type Place, readHeader } from "../vault/seal.ts"
import { pagedSealer, type Sealer } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"

const placeOf = (number: number): Place => ({ table: "sighting_snapshots", column: "jpeg", row: number })

const ownerPrefix = "sightings/"

/** By the month in which it was recorded, in UTC: pictures leave by age, and the key of a month goes with the last of them. */
export function ownerOf(recordedAtMs: number): string {
  return ownerPrefix + new Date(recordedAtMs).toISOString().slice(0, "2026-03".length)
}

export type Snapshots = ReturnType<typeof openSnapshots>

/** The pictures of sightings, in a table of their own. */
export function openSnapshots(store: Store, vault: Vault) {
  const insert = store.prepare("insert into sighting_snapshots (sighting_number, jpeg) values (?, ?)")
  const select = store.prepare<{ number: number; recordedAtMs: number; jpeg: Uint8Array }>(`
    select number, recorded_at_ms as recordedAtMs, jpeg
    from sightings join sighting_snapshots on sighting_number = number where id = ?`)

  return {
    /** In the transaction that records the sighting. */
    add(number: number, recordedAtMs: number, jpeg: Uint8Array): void {
      const owner = ownerOf(recordedAtMs)
      vault.ensureKey(owner)
      insert.run(number, vault.seal(owner, placeOf(number), jpeg))
    },

    /** The JPEG as an engine made it. Throws `BrokenSeal`. */
    of(sightingId: string): Uint8Array | undefined {
      const row = select.get(sightingId)
      return row && vault.open(ownerOf(row.recordedAtMs), placeOf(row.number), row.jpeg)
    },
  }
}

/**
 * Shreds the keys of months of which no picture is left. To be called in the transaction that removed some: what is left of them
 * between the rows and in backups is then nobody's to read.
 */
export function openMonthShredder(store: Store, vault: Vault): () => void {
  const selectOwners = store.prepare<{ owner: string }>("select owner from data_keys where owner between ? and ?")
  const selectOne = store.prepare(`
    select 1 from sightings indexed by sightings_by_snapshot_month
    where strftime('%Y-%m', recorded_at_ms / 1000, 'unixepoch') = ? and snapshot_bytes is not null limit 1`)
  return () => {
    for (const { owner } of selectOwners.all(ownerPrefix, `${ownerPrefix}~`))
      if (selectOne.get(owner.slice(ownerPrefix.length)) === undefined) vault.shredKey(owner)
  }
}

interface SnapshotRow {
  readonly number: number
  readonly recordedAtMs: number
  readonly jpeg: Uint8Array
}

/** Some 5 MB: what is not on the disk yet lies in memory. */
const sealedAtOnceMax = 100

/** Seals the pictures that were kept before there was a master key. */
export function snapshotSealer(store: Store, vault: Vault): Sealer {
  const selectPage = store.prepare<SnapshotRow>(`
    select number, recorded_at_ms as recordedAtMs, jpeg
    from sighting_snapshots join sightings on number = sighting_number where sighting_number > ? order by sighting_number limit ?`)
  const update = store.prepare("update sighting_snapshots set jpeg = ? where sighting_number = ?")
  return pagedSealer<SnapshotRow>(store.transact, {
    table: "sighting_snapshots",
    page: (last, rowsMax) => selectPage.all(last?.number ?? 0, Math.min(rowsMax, sealedAtOnceMax)),
    isSealed: ({ jpeg }) => readHeader(jpeg) !== undefined,
    seal({ number, recordedAtMs, jpeg }) {
      const owner = ownerOf(recordedAtMs)
      vault.ensureKey(owner)
      update.run(vault.seal(owner, placeOf(number), jpeg), number)
    },
  })
}
