import { whyUnproven } from "./known-answers.ts"
import { openLibcrypto } from "./libcrypto.ts"
import type { Sm4Gcm } from "./sm4.ts"
import type { Suite, SuiteName } from "./suite.ts"
import { aesSuite } from "./suite-aes.ts"

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
  const gm = loadGm()
  if (libcrypto === null) return { suite: gm.openGmSuite() }
  const found = openLibcrypto(libcrypto)
  const note = found.kind === "failed" ? found.why : whyNot(found.value, gm.plainSm4)
  return note === undefined && found.kind === "ok"
    ? { suite: gm.openGmSuite(found.value) }
    : { suite: gm.openGmSuite(), ...(note && { note }) }
}

/** Its library takes 17 ms to load, which a box that is sealed otherwise would pay at every start; whoever opens a suite does not wait. */
function loadGm(): typeof import("./suite-gm.ts") & typeof import("./sm4.ts") {
  return { ...require("./suite-gm.ts"), ...require("./sm4.ts") }
}

function whyNot(library: Sm4Gcm, plainSm4: Sm4Gcm): string | undefined {
  const why = whyUnproven("gm", library, plainSm4)
  return why && `${library.by} is not used: ${why}`
}
