import { randomBytes } from "node:crypto"
import { hkdf, sm2, sm3 } from "sm-crypto-v2"
import { plainSm4, type Sm4Gcm } from "./sm4.ts"
import type { KeyPair, Suite } from "./suite.ts"

/** One less than the order of SM2's curve (GB/T 32918.5): private keys are 1 to one less than this. */
const orderLessOne = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122n

/** id-ecPublicKey with the curve SM2 (1.2.156.10197.1.301), and the 04 of an uncompressed point. */
const publicKeyPrefix = Buffer.from("3059301306072a8648ce3d020106082a811ccf5501822d03420004", "hex")

/** An uncompressed point without its leading 04. */
const publicKeyBytes = 64
/** x and y of the point, then the SM3 of the plain text (GB/T 32918.4). */
const envelopeHeadBytes = 64 + 32

/**
 * SM4-GCM (RFC 8998), SM3, and SM2 for signatures and envelopes, with the default user id `1234567812345678`. No certified module:
 * its tables are looked up by secret bytes, so somebody who shares the processor may learn from the time it takes.
 */
export function openGmSuite(sm4: Sm4Gcm = plainSm4): Suite {
  return {
    name: "gm",
    code: 2,
    by: sm4 === plainSm4 ? sm4.by : `${sm4.by}, sm-crypto-v2`,
    keyBytes: 16,
    seal: sm4.seal,
    open: sm4.open,
    hash: (data) => Buffer.from(sm3(data), "hex"),
    mac: (key, data) => Buffer.from(sm3(data, { key, mode: "hmac" }), "hex"),
    derive,

    signing: {
      algorithm: "SM2-SM3",
      derPrefix: publicKeyPrefix,
      createKeyPair: () => pairOf(randomBytes(48)),
      sign({ privateKey, publicKey }, message) {
        const options = { hash: true, publicKey: pointHex(publicKey) }
        return Buffer.from(sm2.doSignature(message, hex(privateKey), options), "hex")
      },
      verify(publicKey, message, signature) {
        if (!isPoint(publicKey) || signature.length !== 64) return false
        // The library multiplies by what it is given: 0 and the order are not its to judge.
        if (!isScalar(signature.subarray(0, 32)) || !isScalar(signature.subarray(32))) return false
        return sm2.doVerifySignature(message, hex(signature), pointHex(publicKey), { hash: true })
      },
    },

    envelope: {
      keyPairFrom: (seed) => pairOf(derive(seed, new Uint8Array(), "gatehouse envelope key v1", 48)),
      sealTo: (publicKey, plain) => Buffer.from(sm2.doEncrypt(plain, pointHex(publicKey)), "hex"),
      openWith({ privateKey }, sealed) {
        if (sealed.length <= envelopeHeadBytes || !isPoint(sealed.subarray(0, publicKeyBytes))) return undefined
        const plain = sm2.doDecrypt(hex(sealed), hex(privateKey), 1, { output: "array" })
        // Its way to say that the hash is another one.
        return plain.length === 0 ? undefined : Uint8Array.from(plain)
      },
    },
  }
}

function derive(secret: Uint8Array, salt: Uint8Array, info: string, bytes: number): Uint8Array {
  return hkdf(secret, salt, new TextEncoder().encode(info), bytes)
}

/** Of 48 bytes, so that no private key is likelier than another by more than 2^-128. */
function pairOf(bytes: Uint8Array): KeyPair {
  const scalar = (BigInt(`0x${hex(bytes)}`) % (orderLessOne - 1n)) + 1n
  const privateKey = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex")
  return { privateKey, publicKey: Buffer.from(sm2.getPublicKeyFromPrivateKey(hex(privateKey)).slice(2), "hex") }
}

function isScalar(bytes: Uint8Array): boolean {
  const value = BigInt(`0x${hex(bytes)}`)
  return value >= 1n && value <= orderLessOne
}

/** Whether the bytes are a point of the curve. */
function isPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== publicKeyBytes) return false
  try {
    return sm2.verifyPublicKey(pointHex(bytes))
  } catch {
    // Coordinates beyond the field are refused by an exception rather than by an answer.
    return false
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
const pointHex = (publicKey: Uint8Array) => `04${hex(publicKey)}`
