import { assert } from "../../base/assert.ts"
import type { Store } from "../../store/store.ts"
import type { GalleryStream, Marker } from "../hub.ts"
import type { Origin } from "../merge.ts"
import type { Recorded } from "./sync-store.ts"

interface StateRow {
  readonly box: string | null
  readonly incarnation: string | null
  readonly change: number
  readonly sequence: number
  readonly mustReadErasures: 0 | 1
  readonly changeSeq: number
  readonly backlog: string | null
}

/** The box's name without anything of sync being opened: `undefined` for a box that belongs to no site. */
export function openSiteBox(store: Store): () => string | undefined {
  const select = store.prepare<{ box: string | null }>("select box from sync_state")
  return () => select.get()?.box ?? undefined
}

export type State = ReturnType<typeof openState>

/** Who this box is, in which life, and how far it has come. Each call is a statement in the caller's transaction, if there is one. */
export function openState(store: Store) {
  const select = store.prepare<StateRow>(`
    select box, incarnation, change, sequence, must_read_erasures as mustReadErasures, change_seq as changeSeq, backlog from sync_state`)
  const raiseChange = store.prepare<{ change: number }>("update sync_state set change = change + 1 returning change")
  const raiseSequence = store.prepare<{ sequence: number }>("update sync_state set sequence = sequence + 1 returning sequence")
  const beginLife = store.prepare("update sync_state set incarnation = lower(hex(randomblob(6))), sequence = 0")
  const insertLife = store.prepare(`
    insert into sync_lives (origin, after_sighting, stored_sighting, dropped)
    select box || '.' || incarnation, coalesce(seq, 0), coalesce(seq, 0), 0
    from sync_state left join sqlite_sequence on name = 'sightings'`)
  const setRead = store.prepare("update sync_state set must_read_erasures = 0")
  // Asked for after every transaction: one that has only read is not to wait for the disk.
  const setChangeSeq = store.prepare("update sync_state set change_seq = ?1 where change_seq <> ?1")
  const setBacklog = store.prepare("update sync_state set backlog = ?")
  const enter = store.prepare(`
    update sync_state set box = ?, backlog = '', change_seq = (select coalesce(max(seq), 0) from changes)`)
  const leave = store.prepare(`
    update sync_state set box = null, incarnation = null, sequence = 0, must_read_erasures = 0, change_seq = 0, backlog = null`)
  const selectPosition = store.prepare<{ position: number }>("select position from sync_streams where stream = ?")
  const upsertPosition = store.prepare(`
    insert into sync_streams (stream, position, markers) values (?, ?, '[]')
    on conflict do update set position = excluded.position where position <> excluded.position`)
  const selectMarkers = store.prepare<{ markers: string }>("select markers from sync_streams where stream = ?")
  const upsertMarkers = store.prepare(`
    insert into sync_streams (stream, position, markers) values (?, 0, ?)
    on conflict do update set markers = excluded.markers where markers <> excluded.markers`)
  const selectCursor = store.prepare<{ change: number }>("select change from sync_cursors where target = ?")
  const upsertCursor = store.prepare(
    "insert into sync_cursors (target, change) values (?, ?) on conflict do update set change = excluded.change where change <> excluded.change",
  )

  function state(): StateRow {
    const row = select.get()
    assert(row !== undefined, "the state of sync has its row from the migration on")
    return row
  }

  function newLife(): void {
    beginLife.run()
    insertLife.run()
  }

  const recorded: Recorded = {
    changeSeq: () => state().changeSeq,
    setChangeSeq: (seq) => void setChangeSeq.run(seq),
    backlog: () => state().backlog ?? undefined,
    setBacklog: (subjectId) => void setBacklog.run(subjectId ?? null),
  }

  return {
    recorded,
    box: (): string | undefined => state().box ?? undefined,
    enter(box: string): void {
      enter.run(box)
      newLife()
    },
    /** Numbers of changes go on rising: receivers of bundles remember them. */
    leave: (): void => void leave.run(),
    origin(): Origin {
      const { box, incarnation } = state()
      assert(box !== null && incarnation !== null, "a box that writes records belongs to a site")
      return `${box}.${incarnation}` as Origin
    },
    newLife,
    nextChange: (): number => raised(raiseChange.get()?.change),
    nextSequence: (): number => raised(raiseSequence.get()?.sequence),
    lastSequence: (): number => state().sequence,
    mustReadErasures: (): boolean => state().mustReadErasures === 1,
    setErasuresRead: (): void => void setRead.run(),
    position: (stream: GalleryStream): number => selectPosition.get(stream)?.position ?? 0,
    setPosition: (stream: GalleryStream, sequence: number): void => void upsertPosition.run(stream, sequence),
    markers: (stream: GalleryStream): readonly Marker[] =>
      JSON.parse(selectMarkers.get(stream)?.markers ?? "[]") as readonly Marker[],
    setMarkers: (stream: GalleryStream, markers: readonly Marker[]): void =>
      void upsertMarkers.run(stream, JSON.stringify(markers)),
    cursor: (target: string): number => selectCursor.get(target)?.change ?? 0,
    setCursor: (target: string, change: number): void => void upsertCursor.run(target, change),
  }
}

function raised(value: number | undefined): number {
  assert(value !== undefined, "the state of sync has its row from the migration on")
  return value
}
