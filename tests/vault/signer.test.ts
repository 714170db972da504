import { describe, expect, test } from "bun:test"
import { createPublicKey, verify } from "node:crypto"
import { canonicalJson } from "../../app/vault/canonical.ts"
import { lookupDigest } from "../../app/vault/digest.ts"
import { createSealKey } from "../../app/vault/seal.ts"
import { isGenuine, publicKeyText, type Receipt, signReceipt } from "../../app/vault/signer.ts"
import { aesSuite } from "../../app/vault/suite-aes.ts"
import { testedSuites } from "./support.ts"

const body = {
  kind: "erased",
  subjectId: "0193-7c",
  atMs: 1_790_000_000_000,
  removed: { faces: 3, sightings: 0, chips: [1, 2, 3] },
  note: 'ü "1"\n',
  by: null,
}

describe.each(testedSuites)("$title", (suite) => {
  const pair = suite.signing.createKeyPair()
  const receipt = signReceipt(suite, pair, body)
  const publicKey = publicKeyText(suite, pair.publicKey)
  const read = (text: string) => JSON.parse(text) as Receipt

  test("a receipt is genuine, also after a way through JSON with other blanks and another order", () => {
    expect(isGenuine(suite, publicKey, receipt)).toBe(true)
    expect(isGenuine(suite, publicKey, read(JSON.stringify(receipt, null, 4)))).toBe(true)
    const { signature, body: said, ...rest } = receipt
    expect(isGenuine(suite, publicKey, read(JSON.stringify({ signature, ...rest, body: said })))).toBe(true)
  })

  test("no letter of it can be another", () => {
    const text = JSON.stringify(receipt)
    for (let at = 0; at < text.length; at += suite.name === "aes" ? 1 : 11) {
      const changed = text.slice(0, at) + (text[at] === "7" ? "8" : "7") + text.slice(at + 1)
      const parsed = parse(changed)
      if (parsed === undefined || sameBytes(parsed, receipt)) continue
      expect([changed, isGenuine(suite, publicKey, parsed)]).toEqual([changed, false])
    }
  })

  test("nothing can be added, and nobody else can sign", () => {
    expect(isGenuine(suite, publicKey, { ...receipt, body: { ...body, more: 1 } })).toBe(false)
    expect(isGenuine(suite, publicKey, { ...receipt, more: 1 } as Receipt)).toBe(false)
    for (const odd of [1.5, 1e300, "\ud800", { deep: [0.1] }, { "\udfff": 1 }])
      expect(isGenuine(suite, publicKey, { ...receipt, body: { odd } })).toBe(false)
    const forged = signReceipt(suite, suite.signing.createKeyPair(), body)
    expect(isGenuine(suite, publicKey, forged)).toBe(false)
    expect(isGenuine(suite, publicKey, { ...forged, publicKey })).toBe(false)
  })
})

function parse(text: string): Receipt | undefined {
  try {
    const value = JSON.parse(text) as Partial<Receipt>
    return value.body && value.signature && value.publicKey && value.algorithm ? (value as Receipt) : undefined
  } catch {
    return undefined // No JSON any more, so nobody takes it for a receipt.
  }
}

/** The last digit of base64 has bits that stand for nothing. */
function sameBytes(one: Receipt, other: Receipt): boolean {
  const bytes = ({ signature, ...signed }: Receipt) =>
    canonicalJson({ ...signed }) + Buffer.from(signature, "base64").toString("hex")
  return bytes(one) === bytes(other)
}

test("ten lines without us verify a receipt", () => {
  const text = JSON.stringify(signReceipt(aesSuite, aesSuite.signing.createKeyPair(), body))
  const check = (text: string): boolean => {
    const { signature, ...signed } = JSON.parse(text)
    const canonical = (value: unknown): string => {
      if (Array.isArray(value)) return `[${value.map(canonical)}]`
      if (value === null || typeof value !== "object") return JSON.stringify(value)
      const keys = Object.keys(value).sort()
      return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical((value as Record<string, unknown>)[key])}`)}}`
    }
    const base64 = (text: string) => Buffer.from(text, "base64")
    const key = createPublicKey({ key: base64(signed.publicKey), format: "der", type: "spki" })
    return verify(null, Buffer.from(canonical(signed)), key, base64(signature))
  }
  expect(check(text)).toBe(true)
  expect(check(text.replace('"faces":3', '"faces":4'))).toBe(false)
})

test("canonical JSON is RFC 8785's: its example of keys in order, and no blanks", () => {
  const unsorted = { "€": "Euro", "\r": "CR", "\ufb33": "Hebrew", "1": "One", "😀": "Smiley", "\u0080": "Control", ö: "Umlaut" }
  expect(canonicalJson(unsorted)).toBe(
    '{"\\r":"CR","1":"One","\u0080":"Control","ö":"Umlaut","€":"Euro","😀":"Smiley","\ufb33":"Hebrew"}',
  )
  expect(canonicalJson({ b: [true, null, { d: -1, c: "\u000f\n" }], a: {} })).toBe(
    '{"a":{},"b":[true,null,{"c":"\\u000f\\n","d":-1}]}',
  )
})

test.each([[1.5], [Number.NaN], [2 ** 53], [{ deep: [Number.POSITIVE_INFINITY] }], ["\ud800"]])("%j is not signed", (value) => {
  expect(() => canonicalJson(value)).toThrow("broken promise")
})

describe.each(testedSuites)("$title", (suite) => {
  test("the same text has the same digest: of one site, in one column", () => {
    const key = createSealKey(suite)
    const digest = (text: string, column = "name", of = key) => Buffer.from(lookupDigest(of, column, text)).toString("hex")
    expect(digest("Ada")).toBe(digest("Ada"))
    expect(digest("Ada")).toHaveLength(32)
    expect(
      new Set([digest("Ada"), digest("Ada "), digest("Ada", "external_id"), digest("Ada", "name", createSealKey(suite))]).size,
    ).toBe(4)
  })
})
