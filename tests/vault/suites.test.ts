import { describe, expect, test } from "bun:test"
import { generateKeyPairSync, sign } from "node:crypto"
import { knownSeals, whyUnproven } from "../../app/vault/known-answers.ts"
import { plainSm4 } from "../../app/vault/sm4.ts"
import type { Suite } from "../../app/vault/suite.ts"
import { aesSuite } from "../../app/vault/suite-aes.ts"
import { openSuite } from "../../app/vault/suites.ts"
import { flipped, hex, testedSuites, utf8 } from "./support.ts"

describe.each(testedSuites)("$title", (suite) => {
  const key = suite.hash(utf8("key")).subarray(0, suite.keyBytes)
  const nonce = suite.hash(utf8("nonce")).subarray(0, 12)
  const aad = utf8("faces.vector 7")
  const plain = utf8("who this is, in so many words")

  test.each(knownSeals[suite.name])("seals as published: $from", (known) => {
    const [knownKey, knownNonce, knownAad] = [hex(known.key), hex(known.nonce), hex(known.aad)]
    const sealed = suite.seal(knownKey, knownNonce, knownAad, hex(known.plain))
    expect(sealed.toHex()).toBe(known.sealed)
    expect(suite.open(knownKey, knownNonce, knownAad, sealed)?.toHex()).toBe(known.plain)
  })

  test("opens nothing of which one bit is another: ciphertext, tag, aad, key, nonce", () => {
    const sealed = suite.seal(key, nonce, aad, plain)
    expect(suite.open(key, nonce, aad, sealed)).toEqual(Buffer.from(plain))
    for (const { bytes } of flipped(sealed)) expect(suite.open(key, nonce, aad, bytes)).toBeUndefined()
    for (const { bytes } of flipped(aad)) expect(suite.open(key, nonce, bytes, sealed)).toBeUndefined()
    for (const { bytes } of flipped(key)) expect(suite.open(bytes, nonce, aad, sealed)).toBeUndefined()
    for (const { bytes } of flipped(nonce)) expect(suite.open(key, bytes, aad, sealed)).toBeUndefined()
  })

  test("opens nothing that was cut, at either end", () => {
    const sealed = suite.seal(key, nonce, aad, plain)
    for (let cut = 1; cut <= sealed.length; cut++) {
      expect(suite.open(key, nonce, aad, sealed.subarray(0, -cut))).toBeUndefined()
      expect(suite.open(key, nonce, aad, sealed.subarray(cut))).toBeUndefined()
    }
  })

  test("seals nothing at all, and a megabyte", () => {
    for (const length of [0, 1, 15, 16, 17, 2 ** 20]) {
      const given = Buffer.alloc(length, "abc")
      const before = Buffer.from(given)
      expect(given.equals(suite.open(key, nonce, aad, suite.seal(key, nonce, aad, given)) ?? utf8("refused"))).toBe(true)
      expect(given.equals(before)).toBe(true)
    }
  })

  test("derives by HKDF: what RFC 5869 says, of its own hash", () => {
    const [salt, info] = [utf8("salt"), "what for"]
    const first = suite.mac(suite.mac(salt, key), Buffer.concat([utf8(info), hex("01")]))
    const second = suite.mac(suite.mac(salt, key), Buffer.concat([first, utf8(info), hex("02")]))
    expect(suite.derive(key, salt, info, 50).toHex()).toBe(Buffer.concat([first, second]).subarray(0, 50).toString("hex"))
  })

  test("a signature is of one message by one key", () => {
    const { signing } = suite
    const pair = signing.createKeyPair()
    const signature = signing.sign(pair, plain)
    expect(signature).toHaveLength(64)
    expect(signing.verify(pair.publicKey, plain, signature)).toBe(true)
    expect(signing.verify(signing.createKeyPair().publicKey, plain, signature)).toBe(false)
    expect(signing.verify(pair.publicKey, utf8("another"), signature)).toBe(false)
    for (const { bytes } of flipped(signature)) expect(signing.verify(pair.publicKey, plain, bytes)).toBe(false)
    for (const { bytes } of flipped(pair.publicKey)) expect(signing.verify(bytes, plain, signature)).toBe(false)
  })

  test.each([
    ["nothing", new Uint8Array()],
    ["zeros", new Uint8Array(64)],
    ["ones", new Uint8Array(64).fill(255)],
    ["too much", new Uint8Array(65)],
  ])("a signature of %s is none, and such a key is none", (_what, bytes) => {
    const pair = suite.signing.createKeyPair()
    expect(suite.signing.verify(pair.publicKey, plain, bytes)).toBe(false)
    expect(suite.signing.verify(bytes, plain, suite.signing.sign(pair, plain))).toBe(false)
  })

  test("an envelope opens for the one it is sealed for", () => {
    const { envelope } = suite
    const pair = envelope.keyPairFrom(key)
    expect(envelope.keyPairFrom(key)).toEqual(pair)
    const sealed = envelope.sealTo(pair.publicKey, plain)
    expect(sealed).not.toEqual(envelope.sealTo(pair.publicKey, plain))
    expect(Buffer.from(envelope.openWith(pair, sealed) ?? "").toString()).toBe(Buffer.from(plain).toString())
    expect(envelope.openWith(envelope.keyPairFrom(aad), sealed)).toBeUndefined()
    for (const { bytes } of flipped(sealed)) expect(envelope.openWith(pair, bytes)).toBeUndefined()
    for (const length of [0, 31, 64, 96]) expect(envelope.openWith(pair, new Uint8Array(length))).toBeUndefined()
  })
})

describe("answers of other standards", () => {
  const gm = openSuite("gm", null).suite

  test("SM3 of abc (GB/T 32905, A.1)", () => {
    expect(gm.hash(utf8("abc")).toHex()).toBe("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
  })

  test("SM2 signature of GM/T 0003.5, appendix A", () => {
    const publicKey = hex(
      "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
    )
    const signature = hex(
      "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    )
    expect(gm.signing.verify(publicKey, utf8("message digest"), signature)).toBe(true)
  })

  test("HKDF-SHA-256 (RFC 5869, A.3)", () => {
    expect(aesSuite.derive(hex("0b".repeat(22)), new Uint8Array(), "", 42).toHex()).toBe(
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    )
  })

  test("Ed25519 (RFC 8032, 7.1, test 1, and what node:crypto signs)", () => {
    const publicKey = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    const signature = hex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    )
    expect(aesSuite.signing.verify(publicKey, new Uint8Array(), signature)).toBe(true)
    const other = generateKeyPairSync("ed25519")
    const raw = other.publicKey.export({ format: "der", type: "spki" }).subarray(-32)
    expect(aesSuite.signing.verify(raw, utf8("hello"), sign(null, utf8("hello"), other.privateKey))).toBe(true)
  })
})

describe("a library is taken only when it proves itself", () => {
  const broken: readonly (readonly [string, Partial<Suite>])[] = [
    ["seals otherwise", { seal: (key, nonce, _aad, plain) => plainSm4.seal(key, nonce, new Uint8Array(), plain) }],
    ["opens nothing", { open: () => undefined }],
    ["opens everything", { open: (_key, _nonce, _aad, sealed) => hexPlain(sealed) }],
    ["fails at one length", { seal: (...given) => (given[3].length === 17 ? new Uint8Array(33) : plainSm4.seal(...given)) }],
  ]
  const hexPlain = (_sealed: Uint8Array) => hex(knownSeals.gm[0]?.plain ?? "")

  test("the one that is always there does", () => {
    expect(whyUnproven("gm", plainSm4, plainSm4)).toBeUndefined()
  })

  test.each(broken)("one that %s does not", (_what, fault) => {
    expect(whyUnproven("gm", { ...plainSm4, ...fault }, plainSm4)).toMatch(/^it /)
  })

  test("a machine without one goes on, and says why", () => {
    const { suite, note } = openSuite("gm", "libcrypto.so.0")
    expect(suite.by).toBe("sm-crypto-v2")
    expect(note).toContain("libcrypto.so.0 cannot be loaded")
  })

  test("this machine's own is taken, or it is said why not", () => {
    const { suite, note } = openSuite("gm")
    expect(suite.by.startsWith("libcrypto") || note?.includes("libcrypto")).toBe(true)
  })
})
