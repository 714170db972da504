import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from "node:crypto"

/** What comes before the 32 bytes of an Ed25519 key in its DER forms (RFC 8410, sections 4 and 7). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")
const keyBytes = 32

const privateOf = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" })
const publicOf = (key: Uint8Array) => createPublicKey({ key: Buffer.concat([publicPrefix, key]), format: "der", type: "spki" })

/** @param secretKey the seed and the public key, as NaCl has it */
function detached(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateOf(secretKey.subarray(0, keyBytes))))
}
detached.verify = (message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean =>
  verify(null, message, publicOf(publicKey), signature)

/** As much of tweetnacl as nkeys signs and checks with, by the library that is in Bun. The file of the program has it in its place. */
export const nacl = {
  randomBytes: (count: number): Uint8Array => new Uint8Array(randomBytes(count)),
  sign: {
    detached,
    keyPair: {
      fromSeed(seed: Uint8Array): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array } {
        const publicKey = createPublicKey(privateOf(seed)).export({ format: "der", type: "spki" }).subarray(-keyBytes)
        return { publicKey: new Uint8Array(publicKey), secretKey: new Uint8Array([...seed, ...publicKey]) }
      },
    },
  },
}
