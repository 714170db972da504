import type { Log } from "../../base/log.ts"
import type { Gallery } from "../../gallery/gallery.ts"
import type { Store } from "../../store/store.ts"
import type { Box } from "../box.ts"
import type { WritingKeys } from "../sealing.ts"
import type { SyncStore } from "../store/sync-store.ts"
import { createClaims } from "./claims.ts"
import { createRecorder, type Recorder } from "./recorder.ts"
import { openShowing } from "./showing.ts"

export interface GallerySideNeeds {
  readonly store: Store
  readonly syncStore: SyncStore
  readonly gallery: Pick<Gallery, "exchange">
  readonly keys: () => WritingKeys
  /** Whether pictures of faces are told to other boxes, and those of other boxes kept. */
  readonly chips: boolean
  readonly people: ErasedPeople
  /** Something was recorded by the way, in a transaction of whoever talks: it may come too late for what is offered just then. */
  readonly recordedBeside?: () => void
  readonly log: Pick<Log, "error">
  readonly wallClockMs?: () => number
}

/** What sync has to know, and to tell, of people who are erased (app/wiring/erased-elsewhere.ts). */
export interface ErasedPeople {
  /** Whether somebody who is gone was erased here: as asked for, or by age. */
  isErased(subjectId: string): boolean
  /**
   * Somebody was erased elsewhere. In a transaction.
   * @param isHere whether there is a row of the person
   * @returns false when nothing is held of the person here
   */
  noteErasure(subjectId: string, isHere: boolean): boolean
  /** … and after it. The person's faces are gone by now; the rest of what is held here is to go. */
  erasedHere(subjectId: string, faceIds: readonly string[]): void
}

export interface GallerySide {
  /** For sessions and imports. */
  readonly box: Box
  readonly recorder: Pick<Recorder, "drainAlone" | "backlogPage">
}

/** The gallery, on both sides of the records: what happens here is recorded, and what others recorded happens here. */
export function openGallerySide({
  store,
  syncStore,
  gallery,
  keys,
  chips,
  people,
  recordedBeside,
  ...rest
}: GallerySideNeeds): GallerySide {
  const exchange = gallery.exchange()
  const { conflicts } = syncStore
  const claims = createClaims(exchange, conflicts)
  const { isErased, noteErasure, erasedHere } = people
  const showing = openShowing({ exchange, claims, conflicts, keys, keepsChips: chips, noteErasure, erasedHere })
  const recorder = createRecorder({ store, syncStore, exchange, claims, showing, keys, isErased, sendsChips: chips, ...rest })
  const box = syncStore.openBox(showing, {
    before(tables, transaction) {
      // Whoever reads what others wrote has written before what was changed here: its place in the order is settled by then.
      if (recorder.drain(tables, transaction) > 0 && recordedBeside !== undefined) transaction.afterCommit(recordedBeside)
      showing.begin(tables)
    },
    after: recorder.skip,
  })
  return { box, recorder }
}
