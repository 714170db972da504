import { whyUnproven } from "./known-answers.ts"
import { openLibcrypto } from "./libcrypto.ts"
import { plainSm4, type Sm4Gcm } from "./sm4.ts"
import type { Suite, SuiteName } from "./suite.ts"
import { aesSuite } from "./suite-aes.ts"
import { openGmSuite } from "./suite-gm.ts"

export interface OpenedSuite {
  readonly suite: Suite
  /** Why a quicker library was not taken, in words. */
  readonly note?: string
}

/**
 * The suite of this name by the quickest library that proves itself.
 * @param libcrypto the library to try for `gm`; `null` tries none
 */
export function openSuite(name: SuiteName, libcrypto?: string | null): OpenedSuite {
  if (name === "aes") return { suite: aesSuite }
  if (libcrypto === null) return { suite: openGmSuite() }
  const found = openLibcrypto(libcrypto)
  const note = found.kind === "failed" ? found.why : whyNot(found.value)
  return note === undefined && found.kind === "ok"
    ? { suite: openGmSuite(found.value) }
    : { suite: openGmSuite(), ...(note && { note }) }
}

function whyNot(library: Sm4Gcm): string | undefined {
  const why = whyUnproven("gm", library, plainSm4)
  return why && `${library.by} is not used: ${why}`
}
