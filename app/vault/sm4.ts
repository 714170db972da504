import { sm4 } from "sm-crypto-v2"
import { assert } from "../base/assert.ts"
import { tagBytes } from "./suite.ts"

/** SM4-GCM by one library or another; the same bytes from each of them. */
export interface Sm4Gcm {
  readonly by: string
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

/** Always there, and slow: 8,000 rows of 1 KB a second. */
export const plainSm4: Sm4Gcm = {
  by: "sm-crypto-v2",

  seal(key, nonce, aad, plain) {
    const options = { mode: "gcm", iv: nonce, associatedData: aad, output: "array", outputTag: true } as const
    const { output, tag } = sm4.encrypt(plain, key, options)
    assert(tag !== undefined, "sealing by GCM gives a tag")
    return Buffer.concat([output, tag])
  },

  open(key, nonce, aad, sealed) {
    if (sealed.length < tagBytes) return undefined
    const tag = sealed.subarray(-tagBytes)
    try {
      const options = { mode: "gcm", iv: nonce, associatedData: aad, tag, output: "array" } as const
      return sm4.decrypt(sealed.subarray(0, -tagBytes), key, options)
    } catch (error) {
      if (error instanceof Error && error.message === "authentication tag mismatch") return undefined
      throw error
    }
  },
}
