import type { Suite } from "../../app/vault/suite.ts"
import { openSuite } from "../../app/vault/suites.ts"

/**
 * Every suite by every library that is here: `describe.each(testedSuites)`. With `GATEHOUSE_LIBCRYPTO` another libcrypto than the
 * system's is tried, for instance one that has SM4-GCM on a machine whose own has not.
 */
export const testedSuites: readonly (Suite & { readonly title: string })[] = [
  openSuite("aes").suite,
  openSuite("gm", null).suite,
  ...[openSuite("gm", process.env.GATEHOUSE_LIBCRYPTO).suite].filter(({ by }) => by.startsWith("libcrypto")),
].map((suite) => ({ ...suite, title: `${suite.name} by ${suite.by}` }))

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export const hex = (text: string): Uint8Array => Uint8Array.fromHex(text)

/** Copies of the bytes, each with one bit turned over: every byte once, every bit of a byte in its turn. */
export function* flipped(bytes: Uint8Array): Generator<{ readonly at: number; readonly bytes: Uint8Array }> {
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1 << (at % 8)
    yield { at, bytes: changed }
  }
}
