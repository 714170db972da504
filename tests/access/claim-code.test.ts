import { expect, test } from "bun:test"
import { hashOfClaimCode, makeClaimCode, parseClaimCode } from "../../app/access/claim-code.ts"

test("a code is ten unambiguous characters in two groups, and another one each time", () => {
  const codes = Array.from({ length: 500 }, makeClaimCode)
  for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/)
  expect(new Set(codes).size).toBe(codes.length)
  // Each character stands at each place: 500 codes leave one out once in 8000 runs of a place.
  for (const place of [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])
    expect(new Set(codes.map((code) => code[place])).size).toBeGreaterThanOrEqual(31)
})

test.each([
  ["as it is printed", "7K3QM-X9D1A"],
  ["without its hyphen", "7K3QMX9D1A"],
  ["in small letters", "7k3qm-x9d1a"],
  ["with blanks and a line end", " 7K3QM X9D1A\n"],
  ["with a letter for the one", "7K3QM-X9DLA"],
  ["with another letter for the one", "7k3qm-x9dia"],
])("a code is read %s", (_how, text) => {
  expect(parseClaimCode(text)).toEqual({ kind: "ok", value: "7K3QMX9D1A" })
})

test.each([
  ["nothing", "", "10 letters and digits, and these are 0"],
  ["one too few", "7K3QM-X9D1", "these are 9"],
  ["one too many", "7K3QM-X9D1AB", "these are 11"],
  ["a letter that is in no code", "7K3QM-X9D1U", '"U" never stands in one'],
  ["a character of another script", "7K3QM-X9D1é", '"É" never stands in one'],
  ["a whole key", "x".repeat(5000), "these are 5000"],
])("%s is no code, and the reason says why", (_what, text, why) => {
  const parsed = parseClaimCode(text)
  if (parsed.kind === "ok") throw new Error("it was taken")
  expect(parsed.why).toContain(why)
})

test("a code is stored as a hash of its own kind", () => {
  expect(Buffer.from(hashOfClaimCode("7K3QMX9D1A")).equals(Buffer.from(hashOfClaimCode("7K3QMX9D1A")))).toBe(true)
  const plain = new Bun.CryptoHasher("sha256").update("7K3QMX9D1A").digest()
  expect(Buffer.from(hashOfClaimCode("7K3QMX9D1A")).equals(plain)).toBe(false)
})
