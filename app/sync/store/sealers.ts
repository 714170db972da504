import type { Store } from "../../store/store.ts"
import { readHeader } from "../../vault/seal.ts"
import { pagedSealer, type Sealer } from "../../vault/sealing.ts"
import type { Vault } from "../../vault/vault.ts"
import type { Kind, Origin } from "../merge.ts"
import { entityOfKey, sealBytes } from "./rows.ts"
import { placeOfSetting, settingsOwner } from "./settings.ts"

interface BytesRow {
  readonly number: number
  readonly bytes: Uint8Array
  readonly entity: Uint8Array
  readonly kind: Kind
  readonly stamp: number
  readonly origin: Origin
  readonly sequence: number
}

interface SettingRow {
  readonly name: string
  readonly value: Uint8Array
}

/** What sync keeps in a folder that was not sealed when it was written: records of people, and settings. */
export function syncSealers(store: Store, vault: Vault): readonly Sealer[] {
  const select = store.prepare<BytesRow>(`
    select sync_bytes.number, bytes, entity, kind, stamp, origin, sequence
    from sync_bytes join sync_rows on bytes_number = sync_bytes.number
    where sync_bytes.number > ? and kind = 'put' and length(bytes) > 0 order by sync_bytes.number limit ?`)
  const update = store.prepare("update sync_bytes set bytes = ? where number = ?")
  const records = pagedSealer<BytesRow>((body) => store.transact<number>(body), {
    table: "sync_bytes",
    page: (last, rowsMax) => select.all(last?.number ?? 0, rowsMax),
    // A record in the clear begins with its version, which is never the mark of a sealed value.
    isSealed: ({ bytes }) => readHeader(bytes) !== undefined,
    seal: ({ entity, ...row }) => void update.run(sealBytes(vault, { ...row, entity: entityOfKey(entity) }), row.number),
  })
  return [records, settingsSealer(store, vault)]
}

/** A few: all at once, in the transaction that makes their key. So they are sealed when the key is there. */
function settingsSealer(store: Store, vault: Vault): Sealer {
  const selectKey = store.prepare("select 1 from data_keys where owner = ?")
  const select = store.prepare<SettingRow>("select name, value from sync_settings")
  const update = store.prepare("update sync_settings set value = ? where name = ?")
  return {
    table: "sync_settings",
    step: () =>
      store.transact<number>(() => {
        if (selectKey.get(settingsOwner) !== undefined) return 0
        const rows = select.all()
        if (rows.length > 0) vault.createKey(settingsOwner)
        for (const { name, value } of rows) update.run(vault.seal(settingsOwner, placeOfSetting(name), value), name)
        return rows.length
      }),
  }
}
