import { createHash, randomBytes } from "node:crypto"
import type { Result } from "../base/result.ts"
import { readBase32, writeBase32 } from "../vault/base32.ts"

/**
 * The one-time code that shows who stands before a new box: `7K3QM-X9D2A`. 50 bits: of five tries one in 2 · 10^14 is right. It
 * has no check digit: whatever has ten letters and digits is a try.
 */
export const claimCodeCharacters = 10

/** A file with a code has no more bytes than this; what is longer is another file, named by mistake. */
export const claimCodeFileBytesMax = 100

/** A new code, as it is printed: two groups of five from Crockford's alphabet, which has no I, L, O or U. */
export function makeClaimCode(): string {
  const text = writeBase32(randomBytes(claimCodeCharacters)).slice(0, claimCodeCharacters)
  return `${text.slice(0, claimCodeCharacters / 2)}-${text.slice(claimCodeCharacters / 2)}`
}

/**
 * @param text as somebody typed it: in small letters, with blanks and hyphens, with O for 0 and I or L for 1
 * @returns its ten characters, always in the same form; or why it cannot be a code, which is no try at one
 */
export function parseClaimCode(text: string): Result<string> {
  const typed = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1")
  if (typed.length !== claimCodeCharacters) {
    const why = `a claim code has ${claimCodeCharacters} letters and digits, and these are ${typed.length}`
    return { kind: "failed", why }
  }
  const read = readBase32(typed)
  return read.kind === "ok"
    ? { kind: "ok", value: typed }
    : { kind: "failed", why: `${read.why}: look at the claim code again` }
}

/**
 * SHA-256, which is all that is stored of a code. Whoever reads it from the disk could try all codes in a day or so on many machines;
 * by then the quarter of an hour is long over, and whoever can read the disk can read the code's file as well.
 *
 * @param code as `parseClaimCode` returns it
 */
export function hashOfClaimCode(code: string): Uint8Array {
  return createHash("sha256").update("gatehouse claim code v1").update(code).digest()
}
