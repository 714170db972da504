import { describe, expect, test } from "bun:test"
import {
  createSealKey,
  type Opened,
  open,
  type Place,
  readHeader,
  seal,
  sealedExtraBytes,
  wordsForRefused,
} from "../../app/vault/seal.ts"
import { flipped, hex, testedSuites, utf8 } from "./support.ts"

const place: Place = { table: "faces", column: "vector", row: 7, version: 3 }
const plain = utf8("0.25 -0.125 0.5")

/** The text that came out, or why none did. */
const said = (opened: Opened) => (opened.kind === "opened" ? Buffer.from(opened.plain).toString() : opened.kind)

describe.each(testedSuites)("$title", (suite) => {
  const key = createSealKey(suite)
  const sealed = seal(key, place, plain)

  test("what was sealed opens, at its price", () => {
    expect(said(open(key, place, sealed))).toBe("0.25 -0.125 0.5")
    expect(sealed).toHaveLength(plain.length + sealedExtraBytes)
    expect(said(open(key, place, seal(key, place, utf8(""))))).toBe("")
  })

  test("what is sealed shows nothing, and never looks the same twice", () => {
    expect(Buffer.from(sealed).includes(plain.subarray(0, 5))).toBe(false)
    const nonces = new Set(Array.from({ length: 2000 }, () => seal(key, place, utf8("")).subarray(10, 22).toHex()))
    expect(nonces.size).toBe(2000)
  })

  test("every byte counts", () => {
    const kinds = new Map<string, number>()
    for (const { at, bytes } of flipped(sealed)) {
      const { kind } = open(key, place, bytes)
      expect([at, kind]).not.toEqual([at, "opened"])
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    // The mark and format; then the id of the key; then nonce, ciphertext and tag.
    expect(Object.fromEntries(kinds)).toEqual({ unknown_format: 2, wrong_key: 8, tampered: 12 + plain.length + 16 })
  })

  test("every bit of the header counts", () => {
    for (let bit = 0; bit < 22 * 8; bit++) {
      const bytes = Uint8Array.from(sealed)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, open(key, place, bytes).kind]).not.toEqual([bit, "opened"])
    }
  })

  test("every length but its own is refused", () => {
    for (let length = 0; length < sealed.length; length++)
      expect(open(key, place, sealed.subarray(0, length)).kind).toBe(length < sealedExtraBytes ? "unknown_format" : "tampered")
    expect(open(key, place, Buffer.concat([sealed, new Uint8Array(1)])).kind).toBe("tampered")
  })

  test.each<[string, Place]>([
    ["another row", { ...place, row: 8 }],
    ["another table", { ...place, table: "subjects" }],
    ["another column", { ...place, column: "quality" }],
    ["an older version", { ...place, version: 2 }],
    ["a row whose number begins with this version", { table: "faces", column: "vector", version: 0, row: "3\x007" }],
  ])("a value that was moved to %s is refused", (_where, elsewhere) => {
    expect(open(key, elsewhere, sealed)).toEqual({ kind: "tampered" })
  })

  test("a wrong key is told from a changed value", () => {
    const other = createSealKey(suite)
    expect(open(other, place, sealed)).toEqual({ kind: "wrong_key", keyId: key.id })
    expect(open({ ...other, id: key.id }, place, sealed)).toEqual({ kind: "tampered" })
    const renamed = Uint8Array.from(sealed)
    renamed.set(hex(other.id), 2)
    expect(open({ ...key, id: other.id }, place, renamed)).toEqual({ kind: "tampered" })
    expect(readHeader(sealed)).toEqual({ suite: suite.name, keyId: key.id })
  })

  test.each([
    ["nothing", new Uint8Array()],
    ["a plain vector", new Uint8Array(Float32Array.from({ length: 128 }, Math.sin).buffer)],
    ["a picture", Buffer.concat([Buffer.from("ffd8ffe000104a464946", "hex"), new Uint8Array(500)])],
  ])("%s is not taken for a sealed value", (_what, bytes) => {
    expect(open(key, place, bytes)).toEqual({ kind: "unknown_format" })
  })
})

test("a value of one suite is refused by the key of another, whatever its id", () => {
  const [first, second] = [testedSuites[0]!, testedSuites[1]!]
  const key = createSealKey(first)
  const other = { ...createSealKey(second), id: key.id }
  expect(open(other, place, seal(key, place, plain)).kind).toBe("wrong_key")
})

test.each([
  [{ kind: "unknown_format" }, "not sealed"],
  [{ kind: "wrong_key", keyId: "00112233" }, "key 00112233"],
  [{ kind: "tampered" }, "was changed on the disk"],
] as const)("a refusal names the value, the matter and the remedy: %j", (refused, words) => {
  expect(wordsForRefused(refused, place)).toContain("faces.vector of row 7")
  expect(wordsForRefused(refused, place)).toContain(words)
  expect(wordsForRefused(refused, place)).toMatch(/restore|delete|start/)
})
