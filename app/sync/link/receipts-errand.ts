import type { Box } from "../box.ts"
import type { Entity } from "../entity.ts"
import type { Board } from "../site/board.ts"
import type { Receipt } from "../site/receipts.ts"
import { createErasedList } from "./erased-list.ts"
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

export function createReceiptsErrand({ box, board, name, goneAtMs, everyMs }: ReceiptsErrandNeeds): Errand {
  const erased = createErasedList(box)
  const unconfirmed = new Set<Entity>()

  return {
    name: "receipts",
    everyMs,
    when: "after",
    async run(hub): Promise<Ran> {
      for (const entity of erased.readOn()) unconfirmed.add(entity)
      const own = board.confirmed().get(name)
      const receipts: Receipt[] = []
      for (const entity of unconfirmed) {
        const isConfirmed = own?.has(entity) === true
        const atMs = isConfirmed ? undefined : goneAtMs(entity)
        if (isConfirmed || atMs !== undefined) unconfirmed.delete(entity)
        if (atMs !== undefined) receipts.push({ entity, atMs })
      }
      if (receipts.length === 0) return { kind: "done" }
      board.confirm(receipts)
      const published = await board.publish(hub)
      if (published.kind === "refused") return { kind: "failed", why: published.why }
      return published.kind === "unreachable" ? published : { kind: "done" }
    },
  }
}
