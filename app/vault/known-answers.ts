import type { Suite } from "./suite.ts"

/** One sealing whose outcome is published; hexadecimal. */
export interface KnownSeal {
  readonly from: string
  readonly key: string
  readonly nonce: string
  readonly aad: string
  readonly plain: string
  /** Ciphertext and tag. */
  readonly sealed: string
}

export const knownSeals: Readonly<Record<Suite["name"], readonly KnownSeal[]>> = {
  aes: [
    {
      from: "McGrew and Viega, The Galois/Counter Mode of Operation (submitted to NIST), test case 13",
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      aad: "",
      plain: "",
      sealed: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    {
      from: "the same, test case 14",
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      aad: "",
      plain: "00".repeat(16),
      sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    },
    {
      from: "the same, test case 16",
      key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      nonce: "cafebabefacedbaddecaf888",
      aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      plain:
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      sealed:
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    },
  ],
  gm: [
    {
      from: "RFC 8998, appendix A.1",
      key: "0123456789abcdeffedcba9876543210",
      nonce: "00001234567800000000abcd",
      aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      plain:
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
      sealed:
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec",
    },
  ],
}

/** Of every length up to two blocks and one, and once of many blocks. */
const comparedLengths = [...Array(34).keys(), 5000]

/**
 * Whether a library seals as the standard says, opens that again, refuses one bit more or less of it, and gives the same bytes as
 * another library. Asked before it is trusted with anything.
 */
export function whyUnproven(suite: Suite["name"], library: Aead, other: Aead): string | undefined {
  const bytes = (hex: string) => Buffer.from(hex, "hex")
  for (const { from, ...known } of knownSeals[suite]) {
    const [key, nonce, aad] = [bytes(known.key), bytes(known.nonce), bytes(known.aad)]
    const sealed = library.seal(key, nonce, aad, bytes(known.plain))
    if (!bytes(known.sealed).equals(sealed)) return `it does not seal as in ${from}`
    const opened = library.open(key, nonce, aad, sealed)
    if (opened === undefined || !bytes(known.plain).equals(opened)) return `it does not open what it sealed (${from})`
    sealed[sealed.length - 1]! ^= 1
    if (library.open(key, nonce, aad, sealed) !== undefined) return `it opens what was changed (${from})`
  }
  const { key, nonce } = knownSeals[suite][0]!
  for (const length of comparedLengths) {
    const plain = Buffer.alloc(length, `${length} bytes`)
    const sealed = library.seal(bytes(key), bytes(nonce), plain, plain)
    if (!Buffer.from(other.seal(bytes(key), bytes(nonce), plain, plain)).equals(sealed))
      return `it seals ${length} bytes otherwise than ${other.by}`
  }
  return undefined
}

type Aead = Pick<Suite, "by" | "seal" | "open">
