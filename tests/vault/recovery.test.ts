import { describe, expect, test } from "bun:test"
import { readBase32, writeBase32 } from "../../app/vault/base32.ts"
import { createMaterial } from "../../app/vault/master-key.ts"
import { createRecoveryKey, recover, sealForRecovery } from "../../app/vault/recovery.ts"
import { flipped, hex, testedSuites } from "./support.ts"

describe.each(testedSuites)("$title", (suite) => {
  const key = createRecoveryKey(suite)
  const material = createMaterial()
  const envelope = sealForRecovery(suite, key.publicKey, material)
  const recovered = { kind: "recovered" as const, material: Uint8Array.from(material) }

  const said = (text: string, from = envelope) => {
    const answer = recover(suite, text, from)
    return answer.kind === "recovered" ? { ...answer, material: Uint8Array.from(answer.material) } : answer
  }

  test("it is eight groups of four that nobody takes for each other, and opens its envelope", () => {
    expect(key.text).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/)
    expect(said(key.text)).toEqual(recovered)
  })

  test("it is read as people type", () => {
    expect(said(key.text.toLowerCase().replaceAll("-", " "))).toEqual(recovered)
    expect(said(`  ${key.text.replaceAll("-", "")}\n`)).toEqual(recovered)
    expect(said(key.text.replaceAll("0", "o").replaceAll("1", "l"))).toEqual(recovered)
    expect(said(key.text.replaceAll("0", "O").replaceAll("1", "I"))).toEqual(recovered)
  })

  test("every slip of one letter is noticed, and every exchange of two neighbours", () => {
    for (let at = 0; at < key.text.length; at++) {
      if (key.text[at] === "-") continue
      const other = key.text[at] === "7" ? "8" : "7"
      expect(said(key.text.slice(0, at) + other + key.text.slice(at + 1)).kind).toBe("mistyped")
      const [first, second] = [key.text[at], key.text[at + 1]]
      if (second === undefined || second === "-" || first === second) continue
      expect(said(key.text.slice(0, at) + second + first + key.text.slice(at + 2)).kind).toBe("mistyped")
    }
  })

  test.each([
    ["", "0 letters and digits instead of 32"],
    ["ABCD-EFGH", "8 letters and digits instead of 32"],
    [key.text.slice(0, -1).concat("U"), '"U" never stands in one'],
    [key.text.concat("7"), "33 letters"],
  ])("%j is answered in words", (text, words) => {
    expect(said(text)).toMatchObject({ kind: "mistyped", why: expect.stringContaining(words) })
  })

  test("another box's key, and an envelope of which a byte is another, are refused", () => {
    expect(said(createRecoveryKey(suite).text).kind).toBe("refused")
    for (const { bytes } of flipped(envelope)) expect(said(key.text, Buffer.from(bytes)).kind).toBe("refused")
    for (const length of [0, 40, envelope.length - 1])
      expect(said(key.text, Buffer.from(envelope.subarray(0, length))).kind).toBe("refused")
  })

  test("what is sealed for it does not show the master key", () => {
    expect(Buffer.from(envelope).includes(material)).toBe(false)
    expect(sealForRecovery(suite, key.publicKey, material)).not.toEqual(envelope)
  })
})

test("base 32 is Crockford's, and comes back as it was", () => {
  expect(writeBase32(hex("0000000000"))).toBe("00000000")
  expect(writeBase32(hex("ffffffffff"))).toBe("ZZZZZZZZ")
  expect(writeBase32(hex("0123456789"))).toBe("04HMASW9")
  for (let length = 0; length <= 40; length += 5) {
    const bytes = crypto.getRandomValues(new Uint8Array(length))
    expect(readBase32(writeBase32(bytes))).toEqual({ kind: "ok", value: bytes })
  }
})
