import { createHash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { assert } from "../base/assert.ts"
import type { WrappedKey } from "../vault/keys.ts"

/**
 * The wrapped data keys of a sealed backup, each in a slot of its own behind the payload, so that one of them can be taken out of a
 * file that is years old: whatever the key sealed in the payload is then nobody's to read. A slot lies within one sector of the
 * disk, which is written whole or not at all.
 *
 *     0    SHA-256 of the rest of the slot, its first 16 bytes; all of the slot is zero where a key was taken out
 *     16   id of the key, 8 bytes; id of the master key that wraps it, 8 bytes
 *     32   length of the owner, of the wrapped key, 1 byte each; owner, wrapped key, zeros
 */
export const slotBytes = 256
/** Slots begin at a multiple of it. */
export const slotAlignBytes = 512

const checkBytes = 16
const textAt = 34

/** What one slot holds: `undefined` for a key that was taken out, `damaged` for what nobody wrote there. */
export type Slot = WrappedKey | undefined | "damaged"

export function writeSlot({ owner, id, masterId, wrapped }: WrappedKey): Buffer {
  const slot = Buffer.alloc(slotBytes)
  const name = Buffer.from(owner)
  assert(textAt + name.length + wrapped.length <= slotBytes && name.length < 256, "owner and wrapped key fit their slot")
  slot.write(id, 16, 8, "hex")
  slot.write(masterId, 24, 8, "hex")
  slot[32] = name.length
  slot[33] = wrapped.length
  slot.set(name, textAt)
  slot.set(wrapped, textAt + name.length)
  slot.set(checkOf(slot))
  return slot
}

export function readSlot(slot: Buffer): Slot {
  if (slot.length !== slotBytes) return "damaged"
  if (slot.every((byte) => byte === 0)) return undefined
  const [ownerBytes, wrappedBytes] = [slot[32]!, slot[33]!]
  if (!checkOf(slot).equals(slot.subarray(0, checkBytes)) || textAt + ownerBytes + wrappedBytes > slotBytes) return "damaged"
  const wrappedAt = textAt + ownerBytes
  return {
    owner: slot.toString("utf8", textAt, wrappedAt),
    id: slot.toString("hex", 16, 24),
    masterId: slot.toString("hex", 24, 32),
    wrapped: Uint8Array.from(slot.subarray(wrappedAt, wrappedAt + wrappedBytes)),
  }
}

/** Where the slots of a file lie. */
export interface SlotsPlace {
  readonly at: number
  readonly count: number
}

/** In their order, a thousand at once; what is missing at the end is `damaged`. */
export async function* slotsOf(file: FileHandle, place: SlotsPlace): AsyncGenerator<readonly Slot[]> {
  for await (const { page, slots } of pagesOf(file, place))
    yield Array.from({ length: slots }, (_, n) => readSlot(page.subarray(n * slotBytes, (n + 1) * slotBytes)))
}

/** Takes keys out, on the disk when this returns. How many there were. */
export async function clearSlots(file: FileHandle, place: SlotsPlace, isOut: (owner: string) => boolean): Promise<number> {
  let cleared = 0
  const zeros = Buffer.alloc(slotBytes)
  for await (const { at, page } of pagesOf(file, place))
    for (let from = 0; from + slotBytes <= page.length; from += slotBytes) {
      // Only the owner is looked at: proving each of 100,000 slots takes a second.
      const owner = page.toString("utf8", from + textAt, from + textAt + page[from + 32]!)
      if (owner === "" || !isOut(owner)) continue
      await file.write(zeros, 0, slotBytes, at + from)
      cleared++
    }
  if (cleared > 0) await file.sync()
  return cleared
}

/** `page` is shorter than its slots where the file ends before them. It is written over by the next one. */
async function* pagesOf(file: FileHandle, { at, count }: SlotsPlace) {
  const pageSlots = 1000
  const buffer = Buffer.alloc(pageSlots * slotBytes)
  for (let number = 0; number < count; number += pageSlots) {
    const slots = Math.min(pageSlots, count - number)
    const begin = at + number * slotBytes
    const { bytesRead } = await file.read(buffer, 0, slots * slotBytes, begin)
    yield { at: begin, page: buffer.subarray(0, bytesRead), slots }
  }
}

function checkOf(slot: Buffer): Buffer {
  return createHash("sha256").update(slot.subarray(checkBytes)).digest().subarray(0, checkBytes)
}
