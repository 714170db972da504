import type { Counts, Row, Standing, Tables, Target } from "../../app/sync/box.ts"
import { above, type Entity, isBelow } from "../../app/sync/entity.ts"
import { type GalleryStream, type Marker, streamOf } from "../../app/sync/hub.ts"
import type { Origin } from "../../app/sync/merge.ts"

/** What a crash in the middle of a transaction throws; only the simulator catches it. */
export class Crash extends Error {}

/** Where each entity changed last, rising; left-overs of earlier changes stay and are skipped. */
interface ChangeLog {
  readonly changes: number[]
  readonly entities: Entity[]
}

interface Durable {
  rows: Map<Entity, Row>
  log: Readonly<Record<GalleryStream, ChangeLog>>
  change: number
  sequence: number
  origin: Origin
  positions: Record<GalleryStream, number>
  markers: Record<GalleryStream, readonly Marker[]>
  cursors: Map<Target, number>
  mustReadErasures: boolean
  shown: number
  refused: number
}

export interface DiskWatch {
  /** Before a row is written. */
  writing(row: Row): void
  /** The box may serve again after a restore. */
  erasuresRead(): void
}

export type SimulatedDisk = ReturnType<typeof createDisk>

/**
 * A box's tables in memory, with what a disk does: a transaction is there or is not, a crash strikes between any two of its steps,
 * and an old copy can be put in its place.
 * @param newOrigin a life that never was
 * @param beforeStep throws when the box crashes here
 * @param watch looks on, and has no say
 */
export function createDisk(newOrigin: () => Origin, beforeStep: () => void, watch: DiskWatch) {
  let disk: Durable = {
    rows: new Map(),
    log: { erasures: { changes: [], entities: [] }, records: { changes: [], entities: [] } },
    change: 0,
    sequence: 0,
    origin: newOrigin(),
    positions: { erasures: 0, records: 0 },
    markers: { erasures: [], records: [] },
    cursors: new Map(),
    mustReadErasures: false,
    shown: 0,
    refused: 0,
  }
  const index = createIndex()
  let undo: (() => void)[] = []
  let isOpen = false

  /** A step of a transaction, and how to take it back. */
  function step(back: () => void): void {
    beforeStep()
    undo.push(back)
  }

  function newLife(): void {
    disk.origin = newOrigin()
    disk.sequence = 0
  }

  function set(entity: Entity, row: Row | undefined): void {
    const before = disk.rows.get(entity)
    if (row === undefined) disk.rows.delete(entity)
    else disk.rows.set(entity, row)
    index.follow(entity, before, row)
    disk.shown += Number(row?.record.kind === "put") - Number(before?.record.kind === "put")
  }

  const tables: Tables = {
    row: (entity) => disk.rows.get(entity),
    below: (entity) => index.below(entity).flatMap((path) => disk.rows.get(path) ?? []),
    write(row) {
      const { entity } = row.record
      const before = disk.rows.get(entity)
      const stream = streamOf(row.record.kind)
      step(() => set(entity, before))
      watch.writing(row)
      set(entity, row)
      if (before !== undefined && before.change === row.change && streamOf(before.record.kind) === stream) return
      const log = disk.log[stream]
      log.changes.push(row.change)
      log.entities.push(entity)
      undo.push(() => {
        log.changes.pop()
        log.entities.pop()
      })
    },
    remove(entity) {
      const before = disk.rows.get(entity)
      step(() => set(entity, before))
      set(entity, undefined)
    },
    rowsAfter(stream, change, limit) {
      const { changes, entities } = disk.log[stream]
      const found: Row[] = []
      for (let i = firstAfter(changes, change); i < changes.length && found.length < limit; i++) {
        const row = disk.rows.get(entities[i]!)
        if (row !== undefined && row.change === changes[i] && streamOf(row.record.kind) === stream) found.push(row)
      }
      return found
    },
    nextChange() {
      const before = disk.change
      undo.push(() => {
        disk.change = before
      })
      return ++disk.change
    },
    origin: () => disk.origin,
    nextSequence() {
      const before = disk.sequence
      undo.push(() => {
        disk.sequence = before
      })
      return ++disk.sequence
    },
    lastSequence: () => disk.sequence,
    beginLife() {
      const { origin, sequence } = disk
      step(() => {
        disk.origin = origin
        disk.sequence = sequence
      })
      newLife()
    },
    position: (stream) => disk.positions[stream],
    setPosition(stream, sequence) {
      const before = disk.positions[stream]
      step(() => {
        disk.positions[stream] = before
      })
      disk.positions[stream] = sequence
    },
    markers: (stream) => disk.markers[stream],
    setMarkers(stream, markers) {
      const before = disk.markers[stream]
      step(() => {
        disk.markers[stream] = before
      })
      disk.markers[stream] = markers
    },
    doubtAfter(stream, sequence) {
      const rows = index.laterThan(stream, sequence, disk.rows)
      for (const row of rows) {
        const standing: Standing = row.standing === "held" ? "doubtful" : row.standing
        tables.write({ ...row, hubSequence: 0, standing })
      }
      index.nothingLaterThan(stream, sequence)
    },
    doubtful: (stream, limit) => index.doubtful(stream, limit).flatMap((entity) => disk.rows.get(entity) ?? []),
    cursor: (target) => disk.cursors.get(target) ?? 0,
    setCursor(target, change) {
      const before = disk.cursors.get(target) ?? 0
      step(() => disk.cursors.set(target, before))
      disk.cursors.set(target, change)
    },
    mustReadErasures: () => disk.mustReadErasures,
    setErasuresRead() {
      const before = disk.mustReadErasures
      step(() => {
        disk.mustReadErasures = before
      })
      disk.mustReadErasures = false
      watch.erasuresRead()
    },
    counts: (): Counts => ({ expected: disk.shown, present: disk.shown }),
    refused() {
      disk.refused++
    },
    show: () => beforeStep(),
    hide: () => beforeStep(),
  }

  return {
    tables,
    transact<Out>(body: (tables: Tables) => Out, committed: () => void = () => {}): Out {
      if (isOpen) throw new Error("a transaction in a transaction")
      isOpen = true
      undo = []
      let out: Out
      try {
        out = body(tables)
      } catch (error) {
        for (const back of undo.toReversed()) back()
        throw error
      } finally {
        isOpen = false
      }
      committed()
      // It is on the disk, and whoever asked for it will not hear of that.
      beforeStep()
      return out
    },
    rows: (): ReadonlyMap<Entity, Row> => disk.rows,
    refused: () => disk.refused,
    changeCount: () => disk.change,
    isServing: () => !disk.mustReadErasures,
    backup: (): Durable => copyOf(disk),
    /** An old copy in the place of what is there. */
    restore(backup: Durable, { asIfNothingHappened = false } = {}): void {
      disk = copyOf(backup)
      index.rebuild(disk.rows)
      // As when the file of a virtual machine is put back.
      if (asIfNothingHappened) return
      newLife()
      disk.mustReadErasures = true
    },
  }
}

const copyOf = (disk: Durable): Durable => ({
  ...disk,
  rows: new Map(disk.rows),
  log: { erasures: copyOfLog(disk.log.erasures), records: copyOfLog(disk.log.records) },
  positions: { ...disk.positions },
  markers: { ...disk.markers },
  cursors: new Map(disk.cursors),
})
const copyOfLog = ({ changes, entities }: ChangeLog): ChangeLog => ({ changes: [...changes], entities: [...entities] })

function firstAfter(rising: readonly number[], value: number): number {
  let [low, high] = [0, rising.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rising[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** What a database would find by its indexes. */
function createIndex() {
  let below = new Map<Entity, Entity[]>()
  let later: Record<GalleryStream, Set<Entity>> = { erasures: new Set(), records: new Set() }
  let doubtful: Record<GalleryStream, Set<Entity>> = { erasures: new Set(), records: new Set() }
  /** `later` holds all rows with a greater number. */
  let base: Record<GalleryStream, number> = { erasures: 0, records: 0 }

  function follow(entity: Entity, before: Row | undefined, row: Row | undefined): void {
    if (before === undefined && row !== undefined)
      for (const path of above(entity)) {
        const paths = below.get(path)
        if (paths === undefined) below.set(path, [entity])
        else paths.push(entity)
      }
    if (before !== undefined && row === undefined)
      for (const path of above(entity))
        below.set(
          path,
          (below.get(path) ?? []).filter((other) => other !== entity),
        )
    if (before !== undefined) doubtful[streamOf(before.record.kind)].delete(entity)
    if (row === undefined) return
    const stream = streamOf(row.record.kind)
    if (row.standing === "doubtful") doubtful[stream].add(entity)
    if (row.hubSequence > base[stream]) later[stream].add(entity)
  }

  return {
    follow,
    below: (entity: Entity): readonly Entity[] => (below.get(entity) ?? []).filter((path) => isBelow(entity, path)),
    doubtful: (stream: GalleryStream, limit: number): readonly Entity[] => [...doubtful[stream].values().take(limit)],
    laterThan(stream: GalleryStream, sequence: number, rows: ReadonlyMap<Entity, Row>): readonly Row[] {
      const paths = sequence >= base[stream] ? later[stream] : rows.keys()
      const found: Row[] = []
      for (const path of paths) {
        const row = rows.get(path)
        if (row !== undefined && row.hubSequence > sequence && streamOf(row.record.kind) === stream) found.push(row)
      }
      return found
    },
    nothingLaterThan(stream: GalleryStream, sequence: number): void {
      base[stream] = sequence
      later[stream].clear()
    },
    rebuild(rows: ReadonlyMap<Entity, Row>): void {
      below = new Map()
      later = { erasures: new Set(), records: new Set() }
      doubtful = { erasures: new Set(), records: new Set() }
      base = { erasures: 0, records: 0 }
      for (const [entity, row] of rows) follow(entity, undefined, row)
    },
  }
}
