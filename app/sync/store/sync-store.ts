import type { Transaction } from "../../store/store.ts"
import type { Box, RefusedEntry, Tables } from "../box.ts"
import type { Entity } from "../entity.ts"
import type { GalleryStream } from "../hub.ts"
import type { Origin } from "../merge.ts"
import type { SightingRows } from "../sightings.ts"
import type { Stamp } from "../stamp.ts"
import type { SyncSettings } from "./settings.ts"
import type { Showing } from "./showing.ts"

/** What a box keeps of its site, in its one database. */
export interface SyncStore {
  readonly settings: SyncSettings
  /** Its name in the site, 8 hexadecimal digits; `undefined` while it belongs to none. */
  box(): string | undefined
  /**
   * Gives the box its name and a first life. What was in the gallery before is the recorder's first pass; a box that has this name
   * already stays as it is.
   */
  enter(box: string): void
  /** Forgets the site, with all settings and records; people and faces stay as they are. */
  leave(): void
  /**
   * For sessions and imports: what is shown and hidden reaches the gallery.
   * @param hooks `before` runs first in every transaction and `after` last, both with tables that show nothing: there the recorder
   *   drains, and moves its cursor beyond what the transaction changed by itself
   */
  openBox(showing: Showing, hooks: BoxHooks): Box
  /** For the recorder, in a transaction of the caller: `show` and `hide` do nothing, for the gallery is so already. */
  ownTables(transaction: Transaction): Tables
  readonly recorded: Recorded
  /** The last ones, the newest first. */
  refused(limit: number): readonly RefusedAt[]
  readonly fromTheFuture: FutureList
  readonly conflicts: ConflictList
  counts(): SyncCounts
  /**
   * The sightings of this box on their way up, read from where they are recorded: nothing is copied.
   * @param read sightings after a number, as the bytes that go up, rising; at most `limit`
   * @param bytesMax so much may wait; of more the oldest leave, and are counted
   */
  sightings(read: ReadSightings, bytesMax: number): SightingRows
  /** That left before they went up, for want of room. */
  droppedSightings(): number
}

export interface BoxHooks {
  before(tables: Tables, transaction: Transaction): void
  after(tables: Tables, transaction: Transaction): void
}

export type ReadSightings = (after: number, limit: number) => readonly { readonly number: number; readonly bytes: Uint8Array }[]

/** Where the recorder is. In the transaction that writes what it recorded. */
export interface Recorded {
  /** The last row of the gallery's log of changes that was recorded. */
  changeSeq(): number
  setChangeSeq(seq: number): void
  /** The last person of the first pass, `""` at its start, `undefined` when it is done. */
  backlog(): string | undefined
  setBacklog(subjectId: string | undefined): void
}

export interface RefusedAt extends RefusedEntry {
  readonly atMs: number
}

/** Versions that claimed to be written later than tomorrow when they came. They count; a person should know. */
export interface FutureList {
  list(limit: number): readonly FutureEntry[]
  /** Somebody has looked at it. False when it is not in the list. */
  resolve(entity: Entity): boolean
}

export interface FutureEntry {
  readonly entity: Entity
  readonly stamp: Stamp
  readonly origin: Origin
  readonly atMs: number
}

/** What two boxes made of one thing, and a person has to decide about. An entry leaves with the person who goes without. */
export interface ConflictList {
  /** In the caller's transaction, in which both people are there. Known already is known. */
  add(conflict: Pick<Conflict, "kind" | "subjectId" | "otherId">): void
  /** In which the person is either of the two, the oldest first. */
  of(subjectId: string): readonly Conflict[]
  /** The oldest first. */
  list(limit: number): readonly Conflict[]
  resolve(id: number): boolean
}

export interface Conflict {
  readonly id: number
  /** A number in another system, or a face that two boxes gave to two people: one of the two has it. */
  readonly kind: "external_id" | "face"
  /** Who goes without it. */
  readonly subjectId: string
  /** Who has it. */
  readonly otherId: string
  readonly atMs: number
}

export interface SyncCounts {
  /** Entities that are there: people with a record of their own, faces, parts of faces (chips). */
  readonly people: number
  readonly faces: number
  readonly parts: number
  readonly deleted: number
  readonly erased: number
  /** To be offered to the hub. */
  readonly due: Readonly<Record<GalleryStream, number>>
  /** The hub had them, and has to show them again. */
  readonly doubtful: Readonly<Record<GalleryStream, number>>
  readonly refused: number
  readonly fromTheFuture: number
  readonly conflicts: number
}
