import type { HeldPerson, Holding } from "../base/holding.ts"
import type { Store } from "../store/store.ts"

/** Rows that were erased, by the folder that held them. */
export type ErasedRows = Record<string, number>

/** Takes people out of the tables, in the order of the holdings; the last of them takes the person's own row. */
export function createEraser(store: Store, holdings: readonly Holding[]) {
  // By the tables themselves: who came back with a backup, without the key, opens no more.
  const selectSubject = store.prepare("select 1 from subjects where id = ?")
  const selectFaces = store.prepare<{ id: string }>("select id from faces where subject_id = ? order by id")
  const own = holdings.at(-1)
  const others = holdings.slice(0, -1)

  const personOf = (subjectId: string): HeldPerson => ({
    subjectId,
    faceIds: selectFaces.all(subjectId).map(({ id }) => id),
  })

  return {
    personOf,
    isThere: (subjectId: string): boolean => selectSubject.get(subjectId) !== undefined,

    /** @param faceIds of faces that have left already */
    async erase(subjectId: string, faceIds: readonly string[] = []): Promise<ErasedRows> {
      const rows: ErasedRows = {}
      const take = ({ name, erase }: Holding, person: HeldPerson): boolean => {
        const taken = erase?.(person) ?? 0
        rows[name] = (rows[name] ?? 0) + taken
        return taken > 0
      }
      const present = () => {
        const person = personOf(subjectId)
        return { ...person, faceIds: [...person.faceIds, ...faceIds] }
      }
      const person = present()
      for (const holding of others)
        while (take(holding, person))
          // A breath between steps: requests go first.
          await Bun.sleep(1)
      // Once more in the turn in which the person's own row leaves, for what came meanwhile.
      const last = present()
      for (const holding of others) while (take(holding, last));
      if (own !== undefined) take(own, last)
      return rows
    },
  }
}
