import { createRandom } from "../../app/base/random.ts"
import { type Entity, entityOf } from "../../app/sync/entity.ts"
import type { Origin, Version } from "../../app/sync/merge.ts"
import type { WritingKeys } from "../../app/sync/sealing.ts"
import type { KeyPair, Suite } from "../../app/vault/suite.ts"

export interface TestSite {
  readonly suite: Suite
  /** A member of the site: it reads what all write. */
  readonly keysOf: (box: string) => WritingKeys
  readonly epochs: Map<number, Uint8Array>
  readonly pairs: Map<string, KeyPair>
}

/** A site with these boxes, and a key for epoch 1. */
export function createSite(suite: Suite, boxes: readonly string[]): TestSite {
  const random = createRandom(7)
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256))
  const epochs = new Map([[1, bytes(suite.keyBytes)]])
  const pairs = new Map(boxes.map((box) => [box, suite.signing.createKeyPair()]))
  return {
    suite,
    epochs,
    pairs,
    keysOf: (box) => ({
      suite,
      epoch: Math.max(...epochs.keys()),
      pair: pairs.get(box)!,
      siteKey: (epoch) => epochs.get(epoch),
      publicKeyOf: (name) => pairs.get(name)?.publicKey,
      nonce: () => bytes(12),
    }),
  }
}

export const boxA = "0a0a0a0a"
export const boxB = "0b0b0b0b"

export const originOf = (box: string, life = 1): Origin => `${box}.${life.toString(16).padStart(12, "0")}` as Origin

/** The path of these small numbers. */
export const entity = (...ids: readonly number[]): Entity => entityOf(...ids.map((id) => id.toString(16).padStart(32, "0")))!

export function version(given: Partial<Version> = {}): Version {
  return { kind: "put", entity: entity(1, 2), stamp: 1_760_000_000_000 * 1024, origin: originOf(boxA), sequence: 1, ...given }
}

export const utf8Of = (text: string): Uint8Array => new TextEncoder().encode(text)
