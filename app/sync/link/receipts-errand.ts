import type { Box } from "../box.ts"
import type { Entity } from "../entity.ts"
import type { Board } from "../site/board.ts"
import type { Receipt } from "../site/receipts.ts"
import type { Errand, Ran } from "./errand.ts"

/** Tells the site whom this box has erased, down to its backups; also whom it never had. */
export interface ReceiptsErrandNeeds {
  readonly box: Box
  readonly board: Board
  /** The name of this box in its site. */
  readonly name: string
  /** When nothing was left here of what is erased; `undefined` while something is. */
  readonly goneAtMs: (entity: Entity) => number | undefined
  readonly everyMs: number
}

const pageRows = 500

export function createReceiptsErrand({ box, board, name, goneAtMs, everyMs }: ReceiptsErrandNeeds) {
  let readUpTo = 0
  const all = new Set<Entity>()
  const unconfirmed = new Set<Entity>()

  /** Erasures never leave: each is read once. */
  function readOn(): void {
    for (;;) {
      const rows = box.transact((tables) => tables.rowsAfter("erasures", readUpTo, pageRows))
      for (const { record, change } of rows) {
        readUpTo = change
        all.add(record.entity)
        unconfirmed.add(record.entity)
      }
      if (rows.length < pageRows) return
    }
  }

  const errand: Errand = {
    name: "receipts",
    everyMs,
    when: "after",
    async run(hub): Promise<Ran> {
      readOn()
      const own = board.confirmed().get(name)
      const receipts: Receipt[] = []
      for (const entity of unconfirmed) {
        const atMs = own?.has(entity) === true ? undefined : goneAtMs(entity)
        if (own?.has(entity) === true || atMs !== undefined) unconfirmed.delete(entity)
        if (atMs !== undefined) receipts.push({ entity, atMs })
      }
      if (receipts.length === 0) return { kind: "done" }
      board.confirm(receipts)
      const published = await board.publish(hub)
      if (published.kind === "refused") return { kind: "failed", why: published.why }
      return published.kind === "unreachable" ? published : { kind: "done" }
    },
  }
  return {
    errand,
    /** Everything that was erased, as far as this box has read it, the oldest first. */
    erased: (): ReadonlySet<Entity> => {
      readOn()
      return all
    },
  }
}
