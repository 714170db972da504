import type { Sighting, Sightings } from "../../events/sighting.ts"
import { nonceBytes } from "../../vault/suite.ts"
import { createByteReader, createByteWriter } from "../bytes.ts"
import { contentBytesMax } from "../record.ts"
import type { SiteKeys, WritingKeys } from "../sealing.ts"
import type { ReadSightings } from "../store/sync-store.ts"

/**
 * A sighting on its way to the hub, sealed by the site's key: who was where, and when, and no picture.
 *
 *     varint epoch · nonce, 12 bytes · block of sealed JSON, the domain being additional data
 *
 * The hub lets a box write under its own name alone, so who saw it is told by where it lies.
 */
const domain = new TextEncoder().encode("gatehouse sync sighting v1\0")

export function sealSightings(sightings: Pick<Sightings, "recordedAfter">, keys: WritingKeys): ReadSightings {
  return (after, limit) =>
    sightings.recordedAfter(after, limit).map((sighting) => ({ number: sighting.number, bytes: sealSighting(keys, sighting) }))
}

export function sealSighting(
  keys: WritingKeys,
  { id, camera, capturedAtMs, recordedAtMs, image, faces }: Sighting,
): Uint8Array {
  // Whoever reads them has the gallery: names are there, and go with the people.
  const seen = { id, camera, capturedAtMs, recordedAtMs, image, faces: faces.map(({ name: _, ...face }) => face) }
  const { suite, epoch } = keys
  const key = keys.siteKey(epoch)
  if (key === undefined) throw new Error("a box that sends sightings has the key of the present epoch")
  const nonce = keys.nonce()
  const writer = createByteWriter()
  writer.varint(epoch)
  writer.raw(nonce)
  writer.block(suite.seal(key, nonce, domain, new TextEncoder().encode(JSON.stringify(seen))))
  return writer.done()
}

/** For whoever collects them: what was seen, as JSON; `undefined` for what does not open with the site's keys. */
export function openSighting({ suite, siteKey }: SiteKeys, bytes: Uint8Array): unknown {
  const reader = createByteReader(bytes)
  const key = siteKey(reader.varint())
  const nonce = reader.raw(nonceBytes)
  const sealed = reader.block(contentBytesMax)
  if (!reader.isSoundToTheEnd() || key === undefined) return undefined
  const opened = suite.open(key, nonce, domain, sealed)
  return opened && JSON.parse(new TextDecoder().decode(opened))
}
