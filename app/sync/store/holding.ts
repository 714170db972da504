import type { Holding } from "../../base/holding.ts"
import type { Store } from "../../store/store.ts"
import type { Vault } from "../../vault/vault.ts"
import { entityOf } from "../entity.ts"
import { ownerOfRecords } from "./owner.ts"
import { endBelow, keyOf } from "./rows.ts"

/**
 * What sync keeps of people is what the gallery has of them, sealed for the site: it is told from there. What the records say leaves
 * with the person at once, by whichever process erases, and out of copies too; the rows themselves, random ids that are nobody's by
 * then, stay until the recorder has put the record of the erasure in their place, which stays for ever.
 */
export function syncHolding(store: Store, vault: Pick<Vault, "shredKey">): Holding {
  const empty = store.prepare(`
    update sync_bytes set bytes = x'' where length(bytes) > 0
      and number in (select bytes_number from sync_rows where entity >= ? and entity < ? and kind = 'put')`)
  return {
    name: "sync",
    tables: ["sync_rows", "sync_bytes", "sync_future", "sync_conflicts"],
    *files() {
      // Nothing but what the gallery tells.
    },
    erase({ subjectId }) {
      const entity = entityOf(subjectId)
      if (entity === undefined) return 0
      return store.transact<number>(() => {
        const key = keyOf(entity)
        const emptied = empty.run(key, endBelow(key))
        if (emptied > 0) vault.shredKey(ownerOfRecords(subjectId))
        return emptied
      })
    },
  }
}
