import type { Result } from "../base/result.ts"

/** Crockford's: no I, L, O or U, so that nothing on paper is taken for something else. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

/** @param bytes a multiple of five of them, which fill their characters exactly */
export function writeBase32(bytes: Uint8Array): string {
  let text = ""
  let [bits, count] = [0, 0]
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31]
    bits &= (1 << count) - 1
  }
  return text
}

/** In small or large letters; O is read as 0, I and L as 1. */
export function readBase32(text: string): Result<Uint8Array> {
  const bytes: number[] = []
  let [bits, count] = [0, 0]
  for (const character of text.toUpperCase()) {
    const five = alphabet.indexOf(character.replace("O", "0").replace(/[IL]/, "1"))
    if (five < 0) return { kind: "failed", why: `${JSON.stringify(character)} never stands in one` }
    bits = (bits << 5) | five
    count += 5
    if (count < 8) continue
    count -= 8
    bytes.push(bits >> count)
    bits &= (1 << count) - 1
  }
  return { kind: "ok", value: Uint8Array.from(bytes) }
}
