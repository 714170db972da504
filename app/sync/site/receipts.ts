import { createByteReader, createByteWriter } from "../bytes.ts"
import { type Entity, entityDepthMax } from "../entity.ts"

/** Whom a box has erased, down to its backups: so many in one announcement, which is said again with more until it is full. */
export const receiptsInBatch = 256

export interface Receipt {
  readonly entity: Entity
  /** Milliseconds since 1970, by the box's own clock. */
  readonly atMs: number
}

export function encodeReceipts(receipts: readonly Receipt[]): Uint8Array {
  const writer = createByteWriter()
  writer.varint(receipts.length)
  for (const { entity, atMs } of receipts) {
    const ids = entity.split(".")
    writer.uint(ids.length, 1)
    for (const id of ids) writer.raw(Uint8Array.fromHex(id))
    writer.uint(atMs, 6)
  }
  return writer.done()
}

/** `undefined` for what is none. */
export function parseReceipts(body: Uint8Array): readonly Receipt[] | undefined {
  const reader = createByteReader(body)
  const receipts: Receipt[] = []
  for (let left = reader.bounded(receiptsInBatch); left > 0 && reader.isSound(); left--) {
    const depth = reader.uint(1)
    if (depth < 1 || depth > entityDepthMax) reader.refuse()
    const ids = reader.isSound() ? Array.from({ length: depth }, () => reader.raw(16).toHex()) : []
    receipts.push({ entity: ids.join(".") as Entity, atMs: reader.uint(6) })
  }
  return reader.isSoundToTheEnd() ? receipts : undefined
}

/** Of a batch, as a part of its key. */
export const batchName = (batch: number): string => batch.toString(16).padStart(8, "0")
