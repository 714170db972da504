import type { Store } from "./store.ts"

/**
 * Writes the keys of a sealed folder anew, in their order. SQLite zeroes a row that is deleted, and not the copies of it that were
 * left in other pages when those were filled and split: a key that was dropped could be found there, and open an old backup.
 * 100,000 keys take a third of a second, during which nobody is answered; a person of a site has two.
 */
export function rewriteKeys(store: Store): void {
  const steps = [
    "create temp table data_keys_kept as select * from data_keys order by owner",
    "delete from data_keys",
    "insert into data_keys select * from data_keys_kept order by owner",
    "drop table data_keys_kept",
  ]
  store.transact<void>(() => {
    // One after the other: each is prepared against what the one before has made.
    for (const sql of steps) store.prepare(sql).run()
  })
}
