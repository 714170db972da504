import { openStore, type Store } from "../../../app/store/store.ts"
import type { Box } from "../../../app/sync/box.ts"
import { openSyncStore, type SyncStoreOptions } from "../../../app/sync/store/open.ts"
import { nothingShown, type Showing } from "../../../app/sync/store/showing.ts"
import type { SyncStore } from "../../../app/sync/store/sync-store.ts"
import type { Vault } from "../../../app/vault/vault.ts"
import { type TempFolder, tempFolder } from "../../support/shared.ts"
import { plainVaultOf, sealedVaultOf } from "../../support/vault.ts"

/** The same whenever a test opens its folder again. */
export const material = new Uint8Array(32).fill(9)

export interface TestSyncStore extends Disposable {
  readonly folder: TempFolder
  readonly path: string
  readonly store: Store
  readonly vault: Vault
  readonly sync: SyncStore
  close(): void
}

export interface TestSyncStoreOptions extends SyncStoreOptions {
  readonly isSealed?: boolean
  /** Another one is disposed of by whoever made it. */
  readonly folder?: TempFolder
}

/** A database with the tables of sync, on a disk that is not waited for. */
export function openTestSyncStore({ isSealed = false, folder, ...options }: TestSyncStoreOptions = {}): TestSyncStore {
  const own = folder ?? tempFolder()
  const path = own.file("gatehouse.db")
  const opened = openStore(path)
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  store.prepare("pragma synchronous = off").all()
  const vault = isSealed ? sealedVaultOf(store, "aes", material) : plainVaultOf(store)
  let isOpen = true
  const close = () => {
    if (isOpen) store.close()
    isOpen = false
  }
  return {
    ...{ folder: own, path, store, vault, sync: openSyncStore(store, vault, options), close },
    [Symbol.dispose]() {
      close()
      if (folder === undefined) own[Symbol.dispose]()
    },
  }
}

/** A box without a gallery. */
export function openPlainBox(sync: SyncStore, present: Showing["present"] = () => sync.counts().faces): Box {
  return sync.openBox({ ...nothingShown, present }, { before: () => undefined, after: () => undefined })
}
