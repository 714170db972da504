import type { SealKey } from "./seal.ts"
import type { Suite } from "./suite.ts"

/**
 * The key that wraps all others, and nothing else of it is ever used directly: what it seals with is derived from it, for each
 * purpose apart. Whoever holds its 32 bytes and the disk reads everything.
 */
export interface MasterKey {
  /** 16 hexadecimal digits, derived: the same bytes have the same id everywhere. No secret. */
  readonly id: string
  readonly material: Uint8Array
  /** For data keys, and for the master key before it. */
  readonly wrapping: SealKey
}

export const materialBytes = 32

const none = new Uint8Array()

/** @param material 32 random bytes */
export function masterKey(suite: Suite, material: Uint8Array): MasterKey {
  const id = Buffer.from(suite.derive(material, none, "gatehouse master id v1", 8)).toString("hex")
  return {
    id,
    material,
    wrapping: { suite, id, bytes: suite.derive(material, none, "gatehouse master wraps v1", suite.keyBytes) },
  }
}

export const createMaterial = (): Uint8Array => crypto.getRandomValues(new Uint8Array(materialBytes))

/** What leaves the box under the master key's name: a backup. Its id is the master key's, so a reader knows which one to look for. */
export function backupKey({ id, material, wrapping: { suite } }: MasterKey): SealKey {
  return { suite, id, bytes: suite.derive(material, none, "gatehouse backup v1", suite.keyBytes) }
}
