import type { Page } from "../../gallery/gallery.ts"

/** A page of a list that is held whole, as the gallery makes them: by id, which is by creation, those after `after`. */
export function pageOf<Item extends { readonly id: string }>(list: readonly Item[], limit: number, after = ""): Page<Item> {
  const rest = list.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return rest.length > limit && last !== undefined ? { items, next: last.id } : { items }
}
