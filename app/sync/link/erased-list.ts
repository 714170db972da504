import type { Box } from "../box.ts"
import type { Entity } from "../entity.ts"

const pageRows = 500

/** Everything that was erased, as far as this box has read it. Erasures never leave, so each is read once. */
export function createErasedList(box: Box) {
  let readUpTo = 0
  const all = new Set<Entity>()

  /** @returns those that came since it was asked last */
  function readOn(): readonly Entity[] {
    const added: Entity[] = []
    for (;;) {
      const rows = box.transact((tables) => tables.rowsAfter("erasures", readUpTo, pageRows))
      for (const { record, change } of rows) {
        readUpTo = change
        if (!all.has(record.entity)) added.push(record.entity)
        all.add(record.entity)
      }
      if (rows.length < pageRows) return added
    }
  }

  return {
    readOn,
    /** The oldest first. */
    all(): ReadonlySet<Entity> {
      readOn()
      return all
    },
  }
}
