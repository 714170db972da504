import { assert } from "../../base/assert.ts"
import { type Log, silentLog } from "../../base/log.ts"
import type { Store } from "../../store/store.ts"
import type { Vault } from "../../vault/vault.ts"
import type { Box, Tables } from "../box.ts"
import type { GalleryStream } from "../hub.ts"
import { openConflicts, openFuture, openRefused } from "./lists.ts"
import { openSettings } from "./settings.ts"
import { openSightingRows } from "./sightings.ts"
import { openState } from "./state.ts"
import type { SyncStore } from "./sync-store.ts"
import { openTables } from "./tables.ts"

export interface SyncStoreOptions {
  /** Wall time, milliseconds since 1970; for tests that live at another time. */
  readonly wallClockMs?: () => number
  /** Told of rows that somebody changed on the disk. */
  readonly log?: Pick<Log, "error">
}

const boxPattern = /^[0-9a-f]{8}$/

/** Opens what the database keeps of the site; the store has to be of the present schema. Closing the store closes it. */
export function openSyncStore(store: Store, vault: Vault, options: SyncStoreOptions = {}): SyncStore {
  const { wallClockMs = Date.now, log = silentLog } = options
  const settings = openSettings(store, vault)
  const state = openState(store)
  const refused = openRefused(store, wallClockMs)
  const future = openFuture(store, wallClockMs)
  const conflicts = openConflicts(store, wallClockMs)
  const tables = openTables({ store, vault, state, refused, future, log })
  const counted = (sql: string) => store.prepare<{ rows: number }>(`select count(*) as rows from ${sql}`)
  const standing = counted("sync_rows where stream = ? and standing = 'due'")
  const doubtful = counted("sync_rows where stream = ? and standing = 'doubtful'")
  const lists = { refused: counted("sync_refused"), future: counted("sync_future"), conflicts: counted("sync_conflicts") }
  const selectDropped = store.prepare<{ rows: number }>("select coalesce(sum(dropped), 0) as rows from sync_lives")

  function ofStreams(count: ReturnType<typeof counted>): Readonly<Record<GalleryStream, number>> {
    return { erasures: count.get("erasures")?.rows ?? 0, records: count.get("records")?.rows ?? 0 }
  }

  return {
    settings,
    box: state.box,
    recorded: state.recorded,
    conflicts,
    refused: refused.list,
    fromTheFuture: future.list,

    enter: (box) =>
      store.transact<void>(() => {
        assert(boxPattern.test(box), "a box's name in its site has 8 hexadecimal digits")
        const present = state.box()
        assert(present === undefined || present === box, `the box is ${present} already: it leaves before it has another name`)
        if (present === undefined) state.enter(box)
      }),

    leave() {
      store.transact<void>(() => {
        for (const table of tablesOfSite) store.prepare(`delete from ${table}`).run()
        // What the records were sealed with opens nothing that is left.
        store.prepare("delete from data_keys where owner >= 'records/' and owner < 'records0'").run()
        state.leave()
      })
      // The keys of the site, in a folder in the clear: not for longer than somebody reads the log.
      store.shrinkLog()
    },

    openBox: (showing, { before, after }): Box => ({
      transact<Out>(body: (view: Tables) => Out): Out {
        let out: { readonly value: Out } | undefined
        store.transact<void>((transaction) => {
          before(tables.own(), transaction)
          out = { value: body(tables.shown(showing, transaction)) }
          after(tables.own(), transaction)
        })
        assert(out !== undefined, "a transaction that was committed has run")
        return out.value
      },
    }),

    ownTables: () => tables.own(),

    counts: () => ({
      people: tables.countOf("put", 1),
      faces: tables.countOf("put", 2),
      parts: tables.countOf("put", 3),
      deleted: [1, 2, 3].reduce((sum, depth) => sum + tables.countOf("del", depth), 0),
      erased: [1, 2, 3].reduce((sum, depth) => sum + tables.countOf("erase", depth), 0),
      due: ofStreams(standing),
      doubtful: ofStreams(doubtful),
      refused: lists.refused.get()?.rows ?? 0,
      fromTheFuture: lists.future.get()?.rows ?? 0,
      conflicts: lists.conflicts.get()?.rows ?? 0,
    }),

    sightings: (read, bytesMax) => openSightingRows(store, read, bytesMax),
    droppedSightings: () => selectDropped.get()?.rows ?? 0,
  }
}

const tablesOfSite = [
  "sync_rows",
  "sync_bytes",
  "sync_counts",
  "sync_streams",
  "sync_cursors",
  "sync_settings",
  "sync_refused",
  "sync_future",
  "sync_conflicts",
  "sync_lives",
]
