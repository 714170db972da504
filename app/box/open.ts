import { rmSync } from "node:fs"
import { join } from "node:path"
import { notesSealer } from "../access/creates.ts"
import type { Log } from "../base/log.ts"
import { StorageTrouble } from "../base/storage-trouble.ts"
import { checksumsSealer } from "../enrolment/checksums.ts"
import { enrolmentSealers } from "../enrolment/sealers.ts"
import { snapshotSealer } from "../events/snapshots.ts"
import { indexFolderOf } from "../gallery/open.ts"
import { subjectSealer } from "../gallery/sealers.ts"
import { rearrangementsSealer } from "../people/rearrange.ts"
import { claimDataFolder, dataFolderFiles, openDataFolder } from "../store/data-folder.ts"
import { openStore, type Store, type WatchCommit } from "../store/store.ts"
import { openVaultRows } from "../store/vault-rows.ts"
import { syncSealers } from "../sync/store/sealers.ts"
import { settleKeyFile } from "../vault/master-file.ts"
import { masterPlaces, openVault } from "../vault/open.ts"
import type { VaultOptions } from "../vault/options.ts"
import { type Sealer, sealAll } from "../vault/sealing.ts"
import type { Vault } from "../vault/vault.ts"

/** A data folder, open and unlocked. Closing the store closes it. */
export interface OpenedFolder {
  readonly store: Store
  readonly vault: Vault
}

export type OpenedBoxFolder =
  | { readonly kind: "ok"; readonly value: OpenedFolder }
  | { readonly kind: "failed"; readonly why: string }
  /** Sealed, and the master key is missing or another one. */
  | { readonly kind: "locked"; readonly why: string }

export interface FolderOptions {
  readonly dataFolder: string
  readonly vault: VaultOptions
}

export interface FolderNeeds {
  readonly log: Pick<Log, "info" | "warn">
  readonly watchCommit?: WatchCommit
  /** Whether a folder that is to be sealed is sealed now; by itself yes. */
  readonly seals?: boolean
  /** Where the master key may come from, beside the key file. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Opens a data folder, and seals it first when there is a master key and something in it lies in the clear. That needs the folder
 * for itself, and with 100,000 people takes a minute or two; killed, it goes on the next time.
 */
export function openBoxFolder(options: FolderOptions, needs: FolderNeeds): OpenedBoxFolder {
  const opened = openUnlocked(options, needs)
  if (opened.kind !== "to_seal") return opened
  if (needs.seals === false)
    return { kind: "failed", why: `the sealing of ${options.dataFolder} was interrupted: start the box, which goes on with it` }
  const sealed = sealFolder(options, needs)
  if (sealed.kind !== "ok") return sealed
  const again = openUnlocked(options, needs)
  return again.kind === "to_seal"
    ? { kind: "failed", why: `${options.dataFolder} changed while it was opened: try again` }
    : again
}

function openUnlocked({ dataFolder, vault }: FolderOptions, { watchCommit, env, log, seals = true }: FolderNeeds) {
  const opened = openDataFolder(dataFolder, watchCommit)
  if (opened.kind === "failed") return opened
  const { store } = opened
  const places = masterPlaces(dataFolder, vault, env)
  const unlocked = openVault(openVaultRows(store), places, vault.suite)
  if (unlocked.kind === "opened") {
    if (unlocked.note !== undefined) log.warn({ why: unlocked.note }, "the vault's suite")
    const masterId = unlocked.vault.sealed?.masters().current.id
    const settled =
      masterId === undefined ? undefined : settleKeyFile(unlocked.vault.suite, places.keyFile, dataFolder, masterId)
    if (settled?.kind === "failed") log.warn({ why: settled.why }, "the key file of a rotation")
    return { kind: "ok", value: { store, vault: unlocked.vault } } as const
  }
  if (unlocked.kind === "to_seal" && unlocked.plain !== undefined && !seals)
    return { kind: "ok", value: { store, vault: unlocked.plain } } as const
  store.close()
  return unlocked.kind === "locked" ? unlocked : ({ kind: "to_seal" } as const)
}

/** What every table holds that is to be sealed; each folder exports its own. */
function sealersOf(store: Store, vault: Vault): readonly Sealer[] {
  // People first: what others hold of them is sealed by their keys.
  return [
    subjectSealer(store, vault),
    checksumsSealer(store, vault),
    notesSealer(store, vault),
    snapshotSealer(store, vault),
    ...enrolmentSealers(store, vault),
    rearrangementsSealer(store, vault),
    ...syncSealers(store, vault),
  ]
}

function sealFolder({ dataFolder, vault: { suite, ...options } }: FolderOptions, needs: FolderNeeds): OpenedSealing {
  const { env, log, watchCommit } = needs
  const claimed = claimDataFolder(dataFolder)
  if (claimed.kind === "failed") return claimed
  using _claim = claimed.value
  const opened = openStore(join(dataFolder, dataFolderFiles.database), undefined, watchCommit)
  if (opened.kind === "failed") return opened
  const { store } = opened
  try {
    const tables = openVaultRows(store)
    const unlocked = openVault(tables, masterPlaces(dataFolder, options, env), suite)
    if (unlocked.kind === "locked") return unlocked
    // Somebody else was quicker, and has sealed it.
    if (unlocked.kind === "opened") return { kind: "ok" }
    const vault = unlocked.plain === undefined ? unlocked.begin() : store.transact<Vault>(unlocked.begin)
    const wipe = () => {
      store.wipeFree()
      if (!store.shrinkLog()) throw new StorageTrouble("another process reads the database as it was before: stop that one")
      // Built anew from what is sealed now, and sealed itself.
      rmSync(indexFolderOf(dataFolder), { recursive: true, force: true })
    }
    sealAll(tables, sealersOf(store, vault), wipe, log)
    return { kind: "ok" }
  } catch (error) {
    if (error instanceof StorageTrouble) return { kind: "failed", why: `${dataFolder} cannot be sealed: ${error.message}` }
    throw error
  } finally {
    store.close()
  }
}

type OpenedSealing = { readonly kind: "ok" } | Exclude<OpenedBoxFolder, { kind: "ok" }>
