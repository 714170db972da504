import type { Item, Outcome } from "./item.ts"

export interface EnrolledItem {
  readonly subjectId: string
  readonly faceId: string
  readonly checksum: Uint8Array
}

/** Where a run keeps what became of its items. */
export interface Ledger {
  /** Of an earlier run of the same job. */
  isDone(position: number): boolean
  /** Called in the transaction that adds the person. */
  personAdded(item: Item, subjectId: string): void
  /** Called in the transaction that adds the face: the item is done with it, whatever is killed afterwards. */
  enrolled(item: Item, enrolled: EnrolledItem): void
  /** Once the item is over, however it ended. */
  settled(item: Item, outcome: Exclude<Outcome, { kind: "stopped" }>): void
}
