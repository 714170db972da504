import { openStore } from "../../app/store/store.ts"
import type { KeyTable, WrappedKey } from "../../app/vault/keys.ts"
import type { RotationTable } from "../../app/vault/rotation.ts"
import type { VaultState } from "../../app/vault/state.ts"

const schema = `
  create table vault (
    only integer primary key check (only = 1),
    suite text not null check (suite in ('aes', 'gm')),
    master_id text not null,
    recovery_public_key blob,
    recovery_envelope blob,
    retired_id text,
    retired_material blob
  ) strict;
  create table data_keys (
    owner text primary key,
    id text not null,
    master_id text not null,
    wrapped blob not null
  ) strict, without rowid;
  create index data_keys_by_master on data_keys (master_id, owner);
  create table secrets (owner text primary key, sealed blob not null) strict;
`

interface StateRow {
  readonly suite: "aes" | "gm"
  readonly masterId: string
  readonly publicKey: Uint8Array | null
  readonly envelope: Uint8Array | null
  readonly retiredId: string | null
  readonly material: Uint8Array | null
}

export type KeyRows = ReturnType<typeof openKeyRows>

/** The tables of keys in a database of their own, and one of values that are sealed with them. */
export function openKeyRows(path: string) {
  const opened = openStore(path, [schema])
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const selectState = store.prepare<StateRow>(`
    select suite, master_id as masterId, recovery_public_key as publicKey, recovery_envelope as envelope,
      retired_id as retiredId, retired_material as material from vault`)
  const insertState = store.prepare("insert into vault values (1, ?, ?, ?, ?, ?, ?)")
  const updateState = store.prepare(`
    update vault set suite = ?, master_id = ?, recovery_public_key = ?, recovery_envelope = ?, retired_id = ?, retired_material = ?
    where master_id = ? and retired_id is null`)
  const columns = "owner, id, master_id as masterId, wrapped"
  const selectKey = store.prepare<WrappedKey>(`select ${columns} from data_keys where owner = ?`)
  const insertKey = store.prepare(`
    insert into data_keys (owner, id, master_id, wrapped)
    select ?1, ?2, ?3, ?4 where exists (select 1 from vault where master_id = ?3)`)
  const deleteKey = store.prepare("delete from data_keys where owner = ?")
  const selectPage = store.prepare<WrappedKey>(
    `select ${columns} from data_keys where master_id = ? and owner > ? order by owner limit ?`,
  )
  const updateKey = store.prepare(
    "update data_keys set master_id = ?, wrapped = ? where owner = ? and id = ? and master_id = ?",
  )
  const forget = store.prepare(`
    update vault set retired_id = null, retired_material = null
    where retired_id = ?1 and not exists (select 1 from data_keys where master_id = ?1)`)
  const insertSecret = store.prepare("insert into secrets values (?, ?)")
  const selectSecret = store.prepare<{ sealed: Uint8Array }>("select sealed from secrets where owner = ?")
  const count = store.prepare<{ count: number }>("select count(*) as count from data_keys where master_id = ?")

  const table: KeyTable & RotationTable = {
    find: (owner) => selectKey.get(owner),
    add: ({ owner, id, masterId, wrapped }) => insertKey.run(owner, id, masterId, wrapped) === 1,
    remove: (owner) => deleteKey.run(owner) === 1,
    state() {
      const row = selectState.get()
      return row && toState(row)
    },
    begin: (fromId, state) => store.transact<boolean>(() => updateState.run(...toValues(state), fromId) === 1),
    wrappedBy: (masterId, after, limit) => selectPage.all(masterId, after, limit),
    rewrap: (fromId, keys) =>
      store.transact<void>(() => {
        for (const { masterId, wrapped, owner, id } of keys) updateKey.run(masterId, wrapped, owner, id, fromId)
      }),
    end: (retiredId) => store.transact<boolean>(() => forget.run(retiredId) === 1),
  }

  return {
    ...table,
    store,
    create: (state: VaultState) => void insertState.run(...toValues(state)),
    keep: (owner: string, sealed: Uint8Array) => void insertSecret.run(owner, sealed),
    kept: (owner: string) => selectSecret.get(owner)?.sealed,
    wrappedCount: (masterId: string) => count.get(masterId)?.count ?? 0,
    [Symbol.dispose]: () => store.close(),
  }
}

function toState({ suite, masterId, publicKey, envelope, retiredId, material }: StateRow): VaultState {
  return {
    suite,
    masterId,
    ...(publicKey && envelope && { recovery: { publicKey, envelope } }),
    ...(retiredId && material && { retired: { id: retiredId, material } }),
  }
}

function toValues({ suite, masterId, recovery, retired }: VaultState) {
  return [
    suite,
    masterId,
    recovery?.publicKey ?? null,
    recovery?.envelope ?? null,
    retired?.id ?? null,
    retired?.material ?? null,
  ]
}
