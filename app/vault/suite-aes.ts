import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto"
import { assert } from "../base/assert.ts"
import { type KeyPair, nonceBytes, type Suite, tagBytes } from "./suite.ts"

const algorithm = "aes-256-gcm"
const options = { authTagLength: tagBytes }

type Curve = "ed25519" | "x25519"

/** What stands before the 32 bytes of a key in DER (RFC 8410, section 7 and 4). */
const derPrefixes = {
  ed25519: {
    private: Buffer.from("302e020100300506032b657004220420", "hex"),
    public: Buffer.from("302a300506032b6570032100", "hex"),
  },
  x25519: {
    private: Buffer.from("302e020100300506032b656e04220420", "hex"),
    public: Buffer.from("302a300506032b656e032100", "hex"),
  },
} as const satisfies Record<Curve, unknown>

/** AES-256-GCM, SHA-256, Ed25519 and X25519, all of the runtime itself. */
export const aesSuite: Suite = {
  name: "aes",
  code: 1,
  by: "node:crypto",
  keyBytes: 32,

  seal(key, nonce, aad, plain) {
    const cipher = createCipheriv(algorithm, key, nonce, options).setAAD(aad)
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  },

  open(key, nonce, aad, sealed) {
    if (sealed.length < tagBytes) return undefined
    const decipher = createDecipheriv(algorithm, key, nonce, options).setAAD(aad)
    const plain = decipher.update(sealed.subarray(0, -tagBytes))
    decipher.setAuthTag(sealed.subarray(-tagBytes))
    try {
      decipher.final()
    } catch {
      // All that the last step of a decipher can say: the tag is not that of these bytes.
      return undefined
    }
    return plain
  },

  hash: (data) => createHash("sha256").update(data).digest(),
  mac: (key, data) => createHmac("sha256", key).update(data).digest(),
  derive: (secret, salt, info, bytes) => new Uint8Array(hkdfSync("sha256", secret, salt, info, bytes)),

  signing: {
    algorithm: "Ed25519",
    derPrefix: derPrefixes.ed25519.public,
    createKeyPair: () => pairOf("ed25519", randomBytes(32)),
    sign: ({ privateKey }, message) => sign(null, message, privateKeyOf("ed25519", privateKey)),
    verify: (publicKey, message, signature) =>
      publicKey.length === 32 && signature.length === 64 && verify(null, message, publicKeyOf("ed25519", publicKey), signature),
  },

  envelope: {
    keyPairFrom: (seed) => pairOf("x25519", aesSuite.derive(seed, none, "gatehouse envelope key v1", 32)),
    sealTo(publicKey, plain) {
      const once = pairOf("x25519", randomBytes(32))
      const key = agreedKey(once, publicKey, once.publicKey, publicKey)
      assert(key !== undefined, "an envelope is sealed for a real public key")
      return Buffer.concat([once.publicKey, aesSuite.seal(key, zeroNonce, none, plain)])
    },
    openWith(pair, sealed) {
      if (sealed.length < 32 + tagBytes) return undefined
      const once = sealed.subarray(0, 32)
      const key = agreedKey(pair, once, once, pair.publicKey)
      return key && aesSuite.open(key, zeroNonce, none, sealed.subarray(32))
    },
  },
}

const none = new Uint8Array()
/** The key of an envelope is used once. */
const zeroNonce = new Uint8Array(nonceBytes)

function privateKeyOf(curve: Curve, bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([derPrefixes[curve].private, bytes]), format: "der", type: "pkcs8" })
}

function publicKeyOf(curve: Curve, bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([derPrefixes[curve].public, bytes]), format: "der", type: "spki" })
}

function pairOf(curve: Curve, privateKey: Uint8Array): KeyPair {
  const der = createPublicKey(privateKeyOf(curve, privateKey)).export({ format: "der", type: "spki" })
  return { privateKey, publicKey: new Uint8Array(der.subarray(derPrefixes[curve].public.length)) }
}

/** Bound to both public keys: a shared secret alone does not tell whose it is. */
function agreedKey(own: KeyPair, other: Uint8Array, once: Uint8Array, receiver: Uint8Array): Uint8Array | undefined {
  let secret: Uint8Array
  try {
    secret = diffieHellman({ privateKey: privateKeyOf("x25519", own.privateKey), publicKey: publicKeyOf("x25519", other) })
  } catch {
    // A point of small order, which no honest key pair has: somebody wrote into the envelope.
    return undefined
  }
  return aesSuite.derive(secret, Buffer.concat([once, receiver]), "gatehouse envelope v1", aesSuite.keyBytes)
}
