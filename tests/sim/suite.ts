import type { Suite } from "../../app/vault/suite.ts"
import { openSuite } from "../../app/vault/suites.ts"

export const suiteChoices = ["plain", "aes", "gm"] as const
export type SuiteChoice = (typeof suiteChoices)[number]

/** Sealing that seals nothing, so that a thousand seeds take minutes: records have their true form and length all the same. */
const plain: Suite = {
  ...openSuite("aes").suite,
  by: "nothing",
  seal: (_key, _nonce, _aad, content) => Buffer.concat([content, new Uint8Array(16)]),
  open: (_key, _nonce, _aad, sealed) => sealed.subarray(0, -16),
  hash: () => new Uint8Array(32),
  signing: { ...openSuite("aes").suite.signing, sign: () => new Uint8Array(64), verify: () => true },
}

export const suiteOf = (choice: SuiteChoice): Suite => (choice === "plain" ? plain : openSuite(choice).suite)
