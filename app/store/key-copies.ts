import { Database } from "bun:sqlite"
import type { Result } from "../base/result.ts"
import { migrations } from "./migrations/index.ts"
import { openStore, type Store } from "./store.ts"
import { wordsFor } from "./trouble.ts"
import { openVaultRows, type VaultRows } from "./vault-rows.ts"

/** A data key as it lies in its row. */
export type KeyRow = NonNullable<ReturnType<VaultRows["find"]>>

export const keysTable = "data_keys"

/** The first schema with it. */
const firstSchema = 6

/** A database beside the one that is in use, with its tables of keys: a copy that becomes a backup, or one that was a backup. */
export interface CopyWithKeys extends Disposable {
  readonly rows: VaultRows
  /** Takes all wrapped keys out, in the order of their owners. */
  takeKeys(): readonly KeyRow[]
  putKeys(keys: readonly KeyRow[]): void
}

/** Its schema stays as it is. `undefined` for one that is not sealed, or older than that. */
export function openCopyWithKeys(path: string, schema: number): Result<CopyWithKeys | undefined> {
  if (schema < firstSchema || !isSealed(path)) return { kind: "ok", value: undefined }
  const opened = openStore(path, migrations.slice(0, schema))
  return opened.kind === "failed" ? opened : { kind: "ok", value: copyOf(opened.store) }
}

function copyOf(store: Store): CopyWithKeys {
  const rows = openVaultRows(store)
  const columns = "owner, id, master_id as masterId, wrapped"
  const select = store.prepare<KeyRow>(`select ${columns} from data_keys order by owner`)
  const remove = store.prepare("delete from data_keys")
  const insert = store.prepare("insert into data_keys (owner, id, master_id, wrapped) values (?, ?, ?, ?)")
  return {
    rows,
    takeKeys() {
      const keys = select.all()
      remove.run()
      return keys
    },
    putKeys: (keys) =>
      store.transact<void>(() => {
        for (const { owner, id, masterId, wrapped } of keys) insert.run(owner, id, masterId, wrapped)
      }),
    [Symbol.dispose]() {
      // A single file again, which whoever only reads can open too.
      store.prepare("pragma journal_mode = delete").get()
      store.close()
    },
  }
}

function isSealed(path: string): boolean {
  const database = new Database(path, { readonly: true })
  try {
    using select = database.prepare<{ sealed: number }, []>("select count(*) as sealed from vault")
    return select.get()?.sealed === 1
  } finally {
    database.close()
  }
}

/** Who has a key in a database that is in use, now. */
export function readKeyOwners(path: string): Result<ReadonlySet<string>> {
  let database: Database | undefined
  try {
    database = new Database(path, { readwrite: true, create: false })
    using select = database.prepare<{ owner: string }, []>("select owner from data_keys")
    return { kind: "ok", value: new Set(select.all().map(({ owner }) => owner)) }
  } catch (error) {
    return { kind: "failed", why: `${path}: ${wordsFor(error)}` }
  } finally {
    database?.close()
  }
}
