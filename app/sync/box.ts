import type { Entity } from "./entity.ts"
import type { GalleryStream, Marker } from "./hub.ts"
import type { Origin } from "./merge.ts"
import type { SyncRecord } from "./record.ts"

/** What sync keeps on a box's disk: the gallery's records and how far the talk with the hub has come. */
export interface Box {
  /** Whole or not at all, and on the disk when it returns; together with what `show` and `hide` change in the gallery. */
  transact<Out>(body: (tables: Tables) => Out): Out
}

/**
 * - `held`: the hub had this version at `hubSequence`
 * - `due`: it is to be offered
 * - `doubtful`: the hub had it once, and has to show it again
 */
export type Standing = "held" | "due" | "doubtful"

/** The one version of an entity that a box holds. */
export interface Row {
  readonly record: SyncRecord
  /** Counts what changed on this box, whoever wrote it: who has read up to a number has missed nothing. */
  readonly change: number
  /** The last number of the entity in its stream at the hub, as far as known; 0 for none. */
  readonly hubSequence: number
  readonly standing: Standing
}

/** Who reads the changes of this box: the hub's two streams, a bundle's receiver. */
export type Target = `hub/${GalleryStream}` | `bundle/${string}`

/** Why something that lies at the hub was not taken. */
export interface RefusedEntry {
  readonly stream: GalleryStream
  readonly sequence: number
  readonly key: string
  readonly kind: string
  readonly why: string
}

export interface Counts {
  /** Entities that were shown and never hidden, as counted with each change. */
  readonly expected: number
  /** … and as the gallery has them. */
  readonly present: number
}

/** One transaction's view. */
export interface Tables {
  row(entity: Entity): Row | undefined
  /** Rows strictly below the path. */
  below(entity: Entity): readonly Row[]
  write(row: Row): void
  remove(entity: Entity): void
  /** Rows of a stream whose `change` is greater, rising: each entity once, where it changed last. */
  rowsAfter(stream: GalleryStream, change: number, limit: number): readonly Row[]
  /** Never given twice, rising. */
  nextChange(): number
  /** This box in its present life: another one after each restore of a backup. */
  origin(): Origin
  /** Counts what this origin writes, from 1. */
  nextSequence(): number
  /** The last one given; 0 for none. */
  lastSequence(): number
  /** Draws a new incarnation, which counts from 1. */
  beginLife(): void

  /** Up to where a stream was read. */
  position(stream: GalleryStream): number
  setPosition(stream: GalleryStream, sequence: number): void
  /** Rising. */
  markers(stream: GalleryStream): readonly Marker[]
  setMarkers(stream: GalleryStream, markers: readonly Marker[]): void
  /** Rows of the stream with a greater `hubSequence`: it becomes 0, and what was `held` `doubtful`. */
  doubtAfter(stream: GalleryStream, sequence: number): void
  doubtful(stream: GalleryStream, limit: number): readonly Row[]
  /** Up to which change a target has read. */
  cursor(target: Target): number
  setCursor(target: Target, change: number): void

  /** From a restore of a backup until all erasures were read: nobody may be recognised before. */
  mustReadErasures(): boolean
  setErasuresRead(): void
  counts(): Counts
  /** Keeps the last ones, for a person to look at. */
  refused(entry: RefusedEntry): void

  /** The gallery holds this version from now on. */
  show(record: SyncRecord, content: Uint8Array): void
  /** Nothing is left of it in the gallery. */
  hide(entity: Entity): void
}

/** So much may be missing before it counts as an accident: somebody may be deleting at this moment. */
const missingShareMax = 0.1
const missingMin = 10

/**
 * A gallery that lost people without a record of it is not in order: its disk was swapped, a table emptied, an old file put in
 * place. It neither sends nor receives until somebody has looked.
 */
export function whyShrunken({ expected, present }: Counts): string | undefined {
  const missing = expected - present
  if (missing <= missingMin || missing <= expected * missingShareMax) return undefined
  return `the gallery holds ${present} entries of ${expected} that were synchronised, and no record says why: restore a backup, or empty this box so that it reads all from the hub anew`
}
