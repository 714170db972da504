import { type Holding, jsonFile } from "../base/holding.ts"
import type { Store } from "../store/store.ts"

/**
 * What a door remembers of the requests that made a person or a face, for a day: when, and a hash of what was said. Of somebody who is
 * erased only the caller's key stays: without it, a request that is repeated would make the person anew.
 */
export function createsHolding(store: Store): Holding {
  const made = "entity_id in (select value from json_each(?))"
  const select = store.prepare<{ entityId: string; createdAtMs: number }>(
    `select entity_id as entityId, created_at_ms as createdAtMs from creates where ${made} order by number`,
  )
  const remove = store.prepare(`update creates set entity_id = '', request_hash = zeroblob(32), note = null where ${made}`)
  const idsOf = (subjectId: string, faceIds: readonly string[]) => JSON.stringify([subjectId, ...faceIds])

  return {
    name: "requests",
    tables: ["creates"],
    *files({ subjectId, faceIds }) {
      const rows = select.all(idsOf(subjectId, faceIds))
      if (rows.length > 0) yield jsonFile("requests.json", rows)
    },
    erase: ({ subjectId, faceIds }) => store.transact<number>(() => remove.run(idsOf(subjectId, faceIds))),
  }
}
