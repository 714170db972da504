import { existsSync } from "node:fs"
import { assert } from "../base/assert.ts"
import type { Result } from "../base/result.ts"
import { type Keys, type KeyTable, type MasterKeys, openKeys } from "./keys.ts"
import { findMasterKeys, type MasterPlaces, type MasterSource, type OfferedMaster } from "./master.ts"
import { type MasterKey, masterKey } from "./master-key.ts"
import type { VaultOptions } from "./options.ts"
import type { RotationTable } from "./rotation.ts"
import { firstState, unlock, type VaultState } from "./state.ts"
import type { Suite } from "./suite.ts"
import { openSuite } from "./suites.ts"
import { placeOfSecret, plainVault, type SecretTable, sealedVault, siteOwners, type Vault } from "./vault.ts"

/**
 * How a folder of `app/` keeps what is to be sealed:
 *
 * - Its opener takes the `Vault` after the store: `openGallery(store, vault, …)`. The vault is there in a folder without a master
 *   key too, and then leaves values as they are: no `if` anywhere.
 * - It writes `vault.seal(owner, place, bytes)` where it wrote `bytes`, into a column of type blob, and reads
 *   `vault.open(owner, place, stored)`. The place names table, column and row, by an id that is known before the row is written and
 *   never changes. `BrokenSeal` is for the door; where one row must not stop the others, `tryOpen`.
 * - The key of a person (`subject/<id>`) is made by the gallery with the subject and goes with it. For other owners
 *   (`sightings/2026-03`) call `vault.ensureKey(owner)` in the transaction that writes.
 * - What is searched by a value has a column for `vault.digest(column, value)` instead.
 * - It exports a `Sealer` (sealing.ts), which seals what its tables held in the clear, and adds that to the list in app/box/open.ts.
 * - Its schema's migration keeps the bytes of the clear value in the column that will hold the sealed one: SQL cannot seal.
 *
 * Index snapshots and the like take `vault.keyOf("site/…")` to stream.ts; rotation, recovery and backups take `vault.sealed`.
 */

/** Where everything lies that a vault keeps: `openVaultRows` of app/store. */
export interface VaultTables extends KeyTable, RotationTable, SecretTable {
  /** Once in the life of a folder: `isSealing` from now on, until `endSealing`. */
  create(state: VaultState): void
  isSealing(): boolean
  /** Whether there is a data key, of whomever. */
  hasKeys(): boolean
  endSealing(): void
}

export type OpenedVault =
  | { readonly kind: "opened"; readonly vault: Vault; readonly note?: string }
  /** A master key is there, and the folder is not sealed, or not wholly: nobody may serve from it now (sealing.ts). */
  | {
      readonly kind: "to_seal"
      /** The sealed vault; in a transaction. */
      readonly begin: () => Vault
      /** For who only looks. Absent when the sealing has begun: then rows of both kinds are there. */
      readonly plain?: Vault
    }
  /** The master key is missing, or another one. */
  | { readonly kind: "locked"; readonly why: string }

/** The places of this process, from its configuration and environment. */
export function masterPlaces(
  dataFolder: string,
  { keyFile }: Pick<VaultOptions, "keyFile">,
  env: Readonly<Record<string, string | undefined>> = process.env,
): MasterPlaces {
  return {
    dataFolder,
    keyFile: keyFile ?? undefined,
    credentialsFolder: env.CREDENTIALS_DIRECTORY || undefined,
    environment: env.GATEHOUSE_MASTER_KEY || undefined,
    environmentNext: env.GATEHOUSE_MASTER_KEY_NEXT || undefined,
  }
}

/**
 * Finds the master key and opens the vault of a data folder.
 * @param suiteName for a folder that is not sealed yet; one that is has its own
 * @param libcrypto as for `openSuite`
 */
export function openVault(
  tables: VaultTables,
  places: MasterPlaces,
  suiteName: VaultOptions["suite"],
  libcrypto?: string | null,
): OpenedVault {
  const found = findMasterKeys(places)
  if (found.kind === "failed") return { kind: "locked", why: found.why }
  const state = tables.state()
  if (state !== undefined) return openSealed(tables, state, places, found.value, libcrypto)
  // A folder that looks as if it had never been sealed, and was: in the clear it would go on with everybody who comes.
  if (tables.hasKeys())
    return { kind: "locked", why: "the row of the table vault was taken from the data folder: restore a backup" }
  const first = found.value[0]
  if (first !== undefined) {
    const { suite } = openSuite(suiteName, libcrypto)
    const begin = () => beginSealing(tables, places, masterKey(suite, first.material), first.source)
    return { kind: "to_seal", begin, plain: plain(tables) }
  }
  const why = whyNamedInVain(places)
  if (why !== undefined) return { kind: "locked", why }
  return { kind: "opened", vault: plain(tables) }
}

/** Signs by the suite that is always there. */
const plain = (tables: VaultTables): Vault => plainVault(openSuite("aes").suite, tables)

function openSealed(
  tables: VaultTables,
  state: VaultState,
  places: MasterPlaces,
  offered: readonly OfferedMaster[],
  libcrypto: string | null | undefined,
): OpenedVault {
  const { suite, note } = openSuite(state.suite, libcrypto)
  const unlocked = unlockWith(suite, state, offered)
  if (unlocked.kind === "failed") return { kind: "locked", why: unlocked.why }
  const { masters, source } = unlocked.value
  const vault = vaultOf(tables, places, openKeys(tables, masters), source)
  if (tables.isSealing()) return { kind: "to_seal", begin: () => vault }
  return { kind: "opened", vault, ...(note !== undefined && { note }) }
}

/** In one transaction of the caller: a folder that is being sealed has the keys of the site, and its secrets are sealed. */
function beginSealing(tables: VaultTables, places: MasterPlaces, master: MasterKey, source: MasterSource): Vault {
  tables.create(firstState(master))
  const vault = vaultOf(tables, places, openKeys(tables, { current: master, retired: [] }), source)
  for (const owner of Object.values(siteOwners)) vault.ensureKey(owner)
  for (const name of tables.secretNames()) {
    const secret = tables.secret(name)
    if (secret !== undefined) tables.replaceSecret(name, vault.seal(siteOwners.secrets, placeOfSecret(name), secret))
  }
  return vault
}

const looksMax = 3

function vaultOf(tables: VaultTables, places: MasterPlaces, keys: Keys, source: MasterSource): Vault {
  const { suite } = keys.masters().current.wrapping
  /** Another process rotates the master key, and this one goes on with the new one. It may be on its way to the one after that. */
  function refreshed(): boolean {
    return Array.from({ length: looksMax }).some(look)
  }

  function look(): boolean {
    const state = tables.state()
    const { current, retired } = keys.masters()
    if (state === undefined || (state.masterId === current.id && state.retired?.id === retired[0]?.id)) return false
    const found = findMasterKeys(places)
    if (found.kind === "failed") return false
    const unlocked = unlockWith(suite, state, found.value)
    if (unlocked.kind === "failed") return false
    keys.replaceMasters(unlocked.value.masters)
    return true
  }
  return sealedVault({ suite, keys, secrets: tables, source, refreshed })
}

interface UnlockedBy {
  readonly masters: MasterKeys
  readonly source: MasterSource
}

function unlockWith(suite: Suite, state: VaultState, offered: readonly OfferedMaster[]): Result<UnlockedBy> {
  const materials = offered.map(({ material }) => material)
  const unlocked = unlock(suite, state, materials)
  if (unlocked.kind === "locked") return { kind: "failed", why: unlocked.why }
  const { material } = unlocked.masters.current
  const by = offered.find((one) => Buffer.from(one.material).equals(material))
  assert(by !== undefined, "a vault is unlocked by one of the keys that were offered")
  return { kind: "ok", value: { masters: unlocked.masters, source: by.source } }
}

/** Who names a key file wants the folder sealed: without it everything would be written in the clear, and nobody would know. */
function whyNamedInVain({ keyFile }: MasterPlaces): string | undefined {
  if (keyFile === undefined || existsSync(keyFile)) return undefined
  return `vault.keyFile names ${keyFile}, which is not there: bring it back, or make one: (umask 377; openssl rand -hex 32 > ${keyFile})`
}
