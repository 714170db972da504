import type { Store } from "../../store/store.ts"
import type { Place } from "../../vault/seal.ts"
import type { Vault } from "../../vault/vault.ts"

/** Small values that sync keeps by name: keys, members, access to the hub. Sealed by a key of the box that is about nobody. */
export interface SyncSettings {
  /** Throws `BrokenSeal` when the value is not what was put there. */
  get(name: string): Uint8Array | undefined
  /** On the disk when it returns; not in a transaction. `undefined` deletes. */
  set(name: string, value: Uint8Array | undefined): void
  /** … in the caller's transaction. */
  setIn(name: string, value: Uint8Array | undefined): void
  /** Those that begin so, in their order. */
  names(prefix?: string): readonly string[]
}

export const settingsOwner = "site/sync"
export const placeOfSetting = (name: string): Place => ({ table: "sync_settings", column: "value", row: name })

export function openSettings(store: Store, vault: Vault): SyncSettings {
  const select = store.prepare<{ value: Uint8Array }>("select value from sync_settings where name = ?")
  const upsert = store.prepare(
    "insert into sync_settings (name, value) values (?, ?) on conflict do update set value = excluded.value",
  )
  const remove = store.prepare("delete from sync_settings where name = ?")
  const selectNames = store.prepare<{ name: string }>(
    "select name from sync_settings where substr(name, 1, length(?1)) = ?1 order by name",
  )

  function setIn(name: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      remove.run(name)
      return
    }
    vault.ensureKey(settingsOwner)
    upsert.run(name, vault.seal(settingsOwner, placeOfSetting(name), value))
  }

  return {
    get(name) {
      const row = select.get(name)
      return row && vault.open(settingsOwner, placeOfSetting(name), row.value)
    },
    set: (name, value) => store.transact<void>(() => setIn(name, value)),
    setIn,
    names: (prefix = "") => selectNames.all(prefix).map(({ name }) => name),
  }
}
