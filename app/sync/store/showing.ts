import type { Transaction } from "../../store/store.ts"
import type { Entity } from "../entity.ts"
import type { SyncRecord } from "../record.ts"

/** Puts what others wrote into this box's gallery, and takes it out again. */
export interface Showing {
  /** In the transaction. Also called again for a version that is shown already: the second time changes nothing. */
  show(record: SyncRecord, content: Uint8Array, transaction: Transaction): void
  /** Nothing of the entity is left in the gallery; `kind` tells whether it, or something above it, was erased. */
  hide(entity: Entity, kind: "del" | "erase", transaction: Transaction): void
  /** How many of the faces that are synchronised the gallery really holds. May be asked in each transaction. */
  present(): number
}

/** For the recorder and for tools: what the gallery has is what the records say. */
export const nothingShown: Omit<Showing, "present"> = { show: () => undefined, hide: () => undefined }
