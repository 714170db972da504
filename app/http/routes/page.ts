import type { Page } from "../../gallery/gallery.ts"

/**
 * A page of a list that is held whole. `after` is the id of the last item of the page before; when that item is gone by now
 * the list starts anew, so that nothing is missed.
 */
export function pageOf<Item extends { readonly id: string }>(
  list: readonly Item[],
  limit: number,
  after: string | undefined,
): Page<Item> {
  const start = list.findIndex(({ id }) => id === after) + 1
  const items = list.slice(start, start + limit)
  const last = items.at(-1)
  return start + limit < list.length && last !== undefined ? { items, next: last.id } : { items }
}
