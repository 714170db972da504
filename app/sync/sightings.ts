import { createByteReader, createByteWriter } from "./bytes.ts"
import type { Hub, Unreachable } from "./hub.ts"
import type { Origin } from "./merge.ts"
import { contentBytesMax } from "./record.ts"

/**
 * Sightings on their way up: each origin numbers its own, and what lies at the hub is a gapless row of batches. The next batch is
 * taken only after the one before it, so none is stored twice however often it is sent, and the hub's last one tells where to go on
 * after a lost answer or a hub that lost its end.
 */
export interface Sighting {
  /** From 1, rising by 1; greater steps where some were dropped for want of room. */
  readonly number: number
  /** Sealed by whoever wrote it. */
  readonly bytes: Uint8Array
}

/** The rows of a box that have to go up. Those that went stay for a while: the hub may ask for them again. */
export interface SightingRows {
  /** Of this life and, after a restore, of the ones before, as long as they have rows. */
  origins(): readonly Origin[]
  after(origin: Origin, number: number, limit: number): readonly Sighting[]
  /** Up to where the hub has them: what lies before may leave when room is wanted. */
  setStored(origin: Origin, number: number): void
}

export interface SightingNeeds {
  readonly hub: Hub
  readonly rows: SightingRows
  readonly batchMax: number
}

export type SightingsPushed =
  | { readonly kind: "pushed"; readonly stored: number }
  | { readonly kind: "stopped"; readonly why: string }
  | Unreachable

const triesMax = 8

/** Until the hub has all of them. */
export async function pushSightings(needs: SightingNeeds): Promise<SightingsPushed> {
  let stored = 0
  for (const origin of needs.rows.origins()) {
    const pushed = await pushOrigin(needs, origin)
    if (pushed.kind !== "pushed") return pushed
    stored += pushed.stored
  }
  return { kind: "pushed", stored }
}

async function pushOrigin({ hub, rows, batchMax }: SightingNeeds, origin: Origin): Promise<SightingsPushed> {
  let stored = 0
  for (let tries = 0; tries < triesMax; tries++) {
    const latest = await hub.latest("sightings", origin)
    if (latest.kind === "unreachable") return latest
    const last = latest.kind === "none" ? 0 : parseBatch(latest.entry.bytes)?.at(-1)?.number
    if (last === undefined) return { kind: "stopped", why: `what lies at the hub under ${origin} is no batch of sightings` }
    let expected = latest.kind === "none" ? 0 : latest.entry.sequence
    for (let after = last; ; ) {
      rows.setStored(origin, after)
      const batch = rows.after(origin, after, batchMax)
      const newest = batch.at(-1)
      if (newest === undefined) return { kind: "pushed", stored }
      const written = await hub.write("sightings", origin, encodeBatch(batch), expected)
      if (written.kind === "unreachable") return written
      if (written.kind === "refused") return { kind: "stopped", why: written.why }
      if (written.kind === "conflict") break
      expected = written.sequence
      after = newest.number
      stored += batch.length
    }
  }
  return { kind: "unreachable", why: `others kept writing under ${origin}: ${triesMax} tries` }
}

export function encodeBatch(batch: readonly Sighting[]): Uint8Array {
  const writer = createByteWriter()
  writer.varint(batch.length)
  for (const { number, bytes } of batch) {
    writer.varint(number)
    writer.block(bytes)
  }
  return writer.done()
}

const batchRecordsMax = 10_000

/** `undefined` for what is none. */
export function parseBatch(bytes: Uint8Array): readonly Sighting[] | undefined {
  const reader = createByteReader(bytes)
  const batch: Sighting[] = []
  for (let left = reader.bounded(batchRecordsMax); left > 0 && reader.isSound(); left--)
    batch.push({ number: reader.varint(), bytes: reader.block(contentBytesMax) })
  return reader.isSoundToTheEnd() && batch.length > 0 ? batch : undefined
}
