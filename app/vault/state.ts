import type { Result } from "../base/result.ts"
import type { MasterKeys } from "./keys.ts"
import { type MasterKey, masterKey } from "./master-key.ts"
import { type RecoveryKey, sealForRecovery } from "./recovery.ts"
import { open, type Place, seal, wordsForRefused } from "./seal.ts"
import type { Suite, SuiteName } from "./suite.ts"

/** What a data folder knows of its master key. One row, and one for each retired key; nothing of it is a secret. */
export interface VaultState {
  readonly suite: SuiteName
  /** Of the present master key. */
  readonly masterId: string
  readonly recovery?: Recovery
  /** Present while a rotation is under way: the key before, sealed under the present one. So the new key alone opens the folder. */
  readonly retired?: RetiredKey
}

export interface Recovery {
  /** Sealed under the master key: a public key that somebody else wrote here would be given every master key to come. */
  readonly publicKey: Uint8Array
  /** The master key, for the holder of the recovery key. Goes into each backup. */
  readonly envelope: Uint8Array
}

export interface RetiredKey {
  readonly id: string
  readonly material: Uint8Array
}

export type Unlocked =
  | { readonly kind: "unlocked"; readonly masters: MasterKeys }
  | { readonly kind: "locked"; readonly why: string }

/** Of a data folder that was never sealed. */
export function firstState(master: MasterKey, recovery?: Pick<RecoveryKey, "publicKey">): VaultState {
  return {
    suite: master.wrapping.suite.name,
    masterId: master.id,
    ...(recovery && { recovery: recoveryUnder(master, recovery.publicKey) }),
  }
}

/** A new recovery key in place of the old one, or of none. Backups that were made before still open with the old one. */
export function withRecovery(state: VaultState, master: MasterKey, { publicKey }: Pick<RecoveryKey, "publicKey">): VaultState {
  return { ...state, recovery: recoveryUnder(master, publicKey) }
}

/** The state that begins a rotation. */
export function rotatedState(state: VaultState, from: MasterKey, to: MasterKey): Result<VaultState> {
  const retired = { id: from.id, material: seal(to.wrapping, retiredPlace(from.id), from.material) }
  const rotated = { suite: state.suite, masterId: to.id, retired }
  if (state.recovery === undefined) return { kind: "ok", value: rotated }
  const publicKey = open(from.wrapping, recoveryPlace, state.recovery.publicKey)
  if (publicKey.kind !== "opened") return { kind: "failed", why: wordsForRefused(publicKey, recoveryPlace) }
  return { kind: "ok", value: { ...rotated, recovery: recoveryUnder(to, publicKey.plain) } }
}

/**
 * Finds the master key of a folder among those that are offered: a rotation that was killed may have left two.
 * @param offered 32 bytes each
 */
export function unlock(suite: Suite, state: VaultState, offered: readonly Uint8Array[]): Unlocked {
  const keys = offered.map((material) => masterKey(suite, material))
  const current = keys.find(({ id }) => id === state.masterId)
  if (current === undefined) {
    const given = keys.length === 0 ? "none is there" : `the one that is there is ${keys.map(({ id }) => id).join(" and ")}`
    const why = `the data folder is sealed under the master key ${state.masterId}, and ${given}: bring that key back, or restore a backup with the recovery key`
    return { kind: "locked", why }
  }
  if (state.retired === undefined) return { kind: "unlocked", masters: { current, retired: [] } }
  const place = retiredPlace(state.retired.id)
  const before = open(current.wrapping, place, state.retired.material)
  if (before.kind !== "opened") return { kind: "locked", why: wordsForRefused(before, place) }
  return { kind: "unlocked", masters: { current, retired: [masterKey(suite, before.plain)] } }
}

function recoveryUnder(master: MasterKey, publicKey: Uint8Array): Recovery {
  return {
    publicKey: seal(master.wrapping, recoveryPlace, publicKey),
    envelope: sealForRecovery(master.wrapping.suite, publicKey, master.material),
  }
}

const recoveryPlace: Place = { table: "vault", column: "recovery_public_key", row: 1 }
const retiredPlace = (id: string): Place => ({ table: "vault", column: "retired_material", row: id })
