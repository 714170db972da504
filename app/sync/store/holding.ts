import type { Holding } from "../../base/holding.ts"

/**
 * What sync keeps of people is what the gallery has of them, sealed for the site: it is told from there. It leaves when the recorder
 * writes the erasure, whose record stays for ever: random ids, which by then are nobody's.
 */
export function syncHolding(): Holding {
  return {
    name: "sync",
    tables: ["sync_rows", "sync_bytes", "sync_future", "sync_conflicts"],
    *files() {
      // Nothing but what the gallery tells.
    },
  }
}
