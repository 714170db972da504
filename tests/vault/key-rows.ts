import { keyTables } from "../../app/store/migrations/006-vault.ts"
import { openStore } from "../../app/store/store.ts"
import { openVaultRows } from "../../app/store/vault-rows.ts"

export type KeyRows = ReturnType<typeof openKeyRows>

/** The tables of keys in a database of their own, and one of values that are sealed with them. */
export function openKeyRows(path: string) {
  const opened = openStore(path, [`${keyTables} create table secrets (owner text primary key, sealed blob not null) strict;`])
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const insertSecret = store.prepare("insert into secrets values (?, ?)")
  const selectSecret = store.prepare<{ sealed: Uint8Array }>("select sealed from secrets where owner = ?")
  return {
    ...openVaultRows(store),
    store,
    keep: (owner: string, sealed: Uint8Array) => void insertSecret.run(owner, sealed),
    kept: (owner: string) => selectSecret.get(owner)?.sealed,
    [Symbol.dispose]: () => store.close(),
  }
}
