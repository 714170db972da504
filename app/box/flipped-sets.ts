import type { Store } from "../store/store.ts"

/** Which model set serves in the place of the one that the configuration names, over restarts. */
export function openFlippedSets(store: Store) {
  const select = store.prepare<{ to: string }>("select to_set as 'to' from flipped_sets where from_set = ?")
  const upsert = store.prepare(
    "insert into flipped_sets (from_set, to_set) values (?, ?) on conflict do update set to_set = excluded.to_set",
  )
  const remove = store.prepare("delete from flipped_sets where from_set = ?")

  return {
    inPlaceOf: (set: string): string => select.get(set)?.to ?? set,
    remember(from: string, to: string): void {
      if (from === to) remove.run(from)
      else upsert.run(from, to)
    },
  }
}
