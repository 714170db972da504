import type { Result } from "../base/result.ts"
import { openVaultRows } from "../store/vault-rows.ts"
import { createRecoveryKey } from "../vault/recovery.ts"
import { withRecovery } from "../vault/state.ts"
import type { OpenedFolder } from "./open.ts"

/** Whether the folder is sealed and nobody holds a recovery key for it yet. */
export function needsRecoveryKey({ store, vault }: OpenedFolder): boolean {
  return vault.isSealed && openVaultRows(store).state()?.recovery === undefined
}

/**
 * A recovery key for the folder, in place of the one before. Backups from now on open with it; those that were made before still
 * open with the old one.
 * @returns the key as it is to be written down: it is kept nowhere
 */
export function makeRecoveryKey({ store, vault }: OpenedFolder): Result<string> {
  const rows = openVaultRows(store)
  const state = rows.state()
  if (vault.sealed === undefined || state === undefined)
    return { kind: "failed", why: "the data folder is not sealed: give the box a master key first (vault.keyFile)" }
  const { current } = vault.sealed.masters()
  const key = createRecoveryKey(vault.suite)
  if (rows.writeRecovery(withRecovery({ ...state, masterId: current.id }, current, key))) return { kind: "ok", value: key.text }
  return { kind: "failed", why: "the master key is being rotated: end that first (gatehouse vault rotate), then try again" }
}
