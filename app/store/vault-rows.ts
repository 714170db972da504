import type { Store } from "./store.ts"

/** A data key as it lies in its row, wrapped by the master key of `masterId`. */
export interface KeyRow {
  readonly owner: string
  readonly id: string
  readonly masterId: string
  readonly wrapped: Uint8Array
}

interface StateRow {
  readonly suite: "aes" | "gm"
  readonly masterId: string
  readonly publicKey: Uint8Array | null
  readonly envelope: Uint8Array | null
  readonly retiredId: string | null
  readonly material: Uint8Array | null
}

/** What the vault knows of its master key (app/vault/state.ts). */
export interface VaultRow {
  readonly suite: "aes" | "gm"
  readonly masterId: string
  readonly recovery?: { readonly publicKey: Uint8Array; readonly envelope: Uint8Array }
  readonly retired?: { readonly id: string; readonly material: Uint8Array }
}

export type VaultRows = ReturnType<typeof openVaultRows>

/**
 * The tables of keys. Each call is one statement in whatever transaction is open, but for `begin`, `rewrap` and `end`, which are
 * transactions of their own (app/vault/rotation.ts).
 */
export function openVaultRows(store: Store) {
  const selectState = store.prepare<StateRow>(`
    select suite, master_id as masterId, recovery_public_key as publicKey, recovery_envelope as envelope,
      retired_id as retiredId, retired_material as material from vault`)
  const insertState = store.prepare(`
    insert into vault (suite, master_id, recovery_public_key, recovery_envelope, retired_id, retired_material, only, sealing)
    values (?, ?, ?, ?, ?, ?, 1, 1)`)
  const selectSealing = store.prepare<{ sealing: 0 | 1 }>("select sealing from vault")
  const updateSealing = store.prepare("update vault set sealing = 0")
  const updateState = store.prepare(`
    update vault set suite = ?, master_id = ?, recovery_public_key = ?, recovery_envelope = ?, retired_id = ?, retired_material = ?
    where master_id = ? and retired_id is null`)
  const updateRecovery = store.prepare(
    "update vault set recovery_public_key = ?, recovery_envelope = ? where master_id = ? and retired_id is null",
  )
  const columns = "owner, id, master_id as masterId, wrapped"
  const selectKey = store.prepare<KeyRow>(`select ${columns} from data_keys where owner = ?`)
  const insertKey = store.prepare(`
    insert into data_keys (owner, id, master_id, wrapped)
    select ?1, ?2, ?3, ?4 where exists (select 1 from vault where master_id = ?3)`)
  const selectAnyKey = store.prepare("select 1 from data_keys limit 1")
  const deleteKey = store.prepare("delete from data_keys where owner = ?")
  const selectPage = store.prepare<KeyRow>(
    `select ${columns} from data_keys where master_id = ? and owner > ? order by owner limit ?`,
  )
  const updateKey = store.prepare(
    "update data_keys set master_id = ?, wrapped = ? where owner = ? and id = ? and master_id = ?",
  )
  const forget = store.prepare(`
    update vault set retired_id = null, retired_material = null
    where retired_id = ?1 and not exists (select 1 from data_keys where master_id = ?1)`)
  const count = store.prepare<{ count: number }>("select count(*) as count from data_keys where master_id = ?")
  const selectSecret = store.prepare<{ secret: Uint8Array }>("select secret from site_secrets where name = ?")
  const selectSecretNames = store.prepare<{ name: string }>("select name from site_secrets order by name")
  const upsertSecret = store.prepare(
    "insert into site_secrets (name, secret) values (?, ?) on conflict do update set secret = excluded.secret",
  )
  const insertSecret = store.prepare("insert into site_secrets (name, secret) values (?, ?) on conflict do nothing")

  return {
    /** `undefined` for a folder that is not sealed. */
    state(): VaultRow | undefined {
      const row = selectState.get()
      return row && toState(row)
    },
    /** Once in the life of a folder. From now on it is to be sealed, and `isSealing` until it is. */
    create: (state: VaultRow): void => void insertState.run(...toValues(state)),
    isSealing: (): boolean => selectSealing.get()?.sealing === 1,
    endSealing: (): void => void updateSealing.run(),
    /** False when the master key is another one by now, or a rotation is under way. */
    writeRecovery: ({ masterId, recovery }: VaultRow): boolean =>
      updateRecovery.run(recovery?.publicKey ?? null, recovery?.envelope ?? null, masterId) === 1,

    hasKeys: (): boolean => selectAnyKey.get() !== undefined,
    find: (owner: string): KeyRow | undefined => selectKey.get(owner),
    add: ({ owner, id, masterId, wrapped }: KeyRow): boolean => insertKey.run(owner, id, masterId, wrapped) === 1,
    remove: (owner: string): boolean => deleteKey.run(owner) === 1,

    begin: (fromId: string, state: VaultRow): boolean =>
      store.transact<boolean>(() => updateState.run(...toValues(state), fromId) === 1),
    wrappedBy: (masterId: string, afterOwner: string, limit: number): readonly KeyRow[] =>
      selectPage.all(masterId, afterOwner, limit),
    rewrap: (fromId: string, keys: readonly KeyRow[]): void =>
      store.transact<void>(() => {
        for (const { masterId, wrapped, owner, id } of keys) updateKey.run(masterId, wrapped, owner, id, fromId)
      }),
    end: (retiredId: string): boolean => store.transact<boolean>(() => forget.run(retiredId) === 1),
    wrappedCount: (masterId: string): number => count.get(masterId)?.count ?? 0,

    secretNames: (): readonly string[] => selectSecretNames.all().map(({ name }) => name),
    secret: (name: string): Uint8Array | undefined => selectSecret.get(name)?.secret,
    /** Whoever is first: what is there stays. */
    addSecret: (name: string, secret: Uint8Array): void => void insertSecret.run(name, secret),
    replaceSecret: (name: string, secret: Uint8Array): void => void upsertSecret.run(name, secret),
  }
}

function toState({ suite, masterId, publicKey, envelope, retiredId, material }: StateRow): VaultRow {
  return {
    suite,
    masterId,
    ...(publicKey && envelope && { recovery: { publicKey, envelope } }),
    ...(retiredId && material && { retired: { id: retiredId, material } }),
  }
}

function toValues({ suite, masterId, recovery, retired }: VaultRow) {
  return [
    suite,
    masterId,
    recovery?.publicKey ?? null,
    recovery?.envelope ?? null,
    retired?.id ?? null,
    retired?.material ?? null,
  ]
}
