import { assert } from "../base/assert.ts"
import type { Page } from "./gallery.ts"

const pageMax = 1000

/** One more row than asked tells whether there is another page. */
export function rowsMax(limit: number): number {
  assert(Number.isInteger(limit) && limit >= 1 && limit <= pageMax, `a page holds 1 to ${pageMax} items`)
  return limit + 1
}

/**
 * A page of rows that come by id. The next one is asked for by the last id alone, so nothing that stays is told twice or left
 * out when others come and go in between.
 */
export function pageOf<Item extends { readonly id: string }>(rows: readonly Item[], limit: number): Page<Item> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: last.id } : { items }
}
