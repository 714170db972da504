import type { Result } from "../base/result.ts"
import { openCopyWithKeys } from "../store/key-copies.ts"
import type { VaultRows } from "../store/vault-rows.ts"
import { openKeys, openWrapped, placeOfKey } from "../vault/keys.ts"
import { type MasterKey, masterKey } from "../vault/master-key.ts"
import { createRotation } from "../vault/rotation.ts"
import { wordsForRefused } from "../vault/seal.ts"
import { unlock } from "../vault/state.ts"
import { type Manifest, readKeys } from "./file.ts"
import type { BackupKeys, Unsealing } from "./sealing.ts"

export interface Unsealed {
  readonly by: Unsealing["by"]
  /** Of the master key under which the folder lies now. */
  readonly masterId: string
  /** Keys of people, and of others, that were taken out of the backup after it was made: what they sealed is gone. */
  readonly shredded: number
}

export interface RestoreKeys extends BackupKeys {
  /**
   * The master key for the restored folder, where this machine offers none: on its disk already, in the place that the configuration
   * names.
   */
  readonly makeMaster: () => Result<Uint8Array>
}

/**
 * Puts the keys of a backup back into its database, each one proven, and lays them under a master key of this machine: the one of
 * the backup where it is here, else another one, which the recovery key's holder has just been given the right to.
 */
export async function attachKeys(
  file: string,
  manifest: Manifest,
  draft: string,
  { master, by }: Unsealing,
  { offered, makeMaster }: RestoreKeys,
): Promise<Result<Unsealed>> {
  const { keys, shredded } = await readKeys(file, manifest.keys ?? { at: 0, count: 0 })
  const opened = openCopyWithKeys(draft, manifest.schema)
  if (opened.kind === "failed") return opened
  const copy = opened.value
  const state = copy?.rows.state()
  if (copy === undefined || state === undefined) return { kind: "failed", why: `${file} holds no vault: take another backup` }
  using _ = copy
  const unlocked = unlock(master.wrapping.suite, state, [master.material])
  if (unlocked.kind === "locked") return { kind: "failed", why: unlocked.why }
  const { current, retired } = unlocked.masters
  for (const row of keys) {
    const found = openWrapped([current, ...retired], row)
    if (found.kind !== "opened")
      return { kind: "failed", why: `${file}: ${wordsForRefused(found, placeOfKey(row))}; take another backup` }
  }
  copy.putKeys(keys)
  const present = by === "master_key" ? { kind: "ok" as const, value: current } : presentMaster(master, offered, makeMaster)
  if (present.kind === "failed") return present
  const moved = moveTo(copy.rows, present.value, unlocked.masters)
  return moved.kind === "failed" ? moved : { kind: "ok", value: { by, masterId: present.value.id, shredded } }
}

/** The one this machine offers first, or one that is made now. */
function presentMaster(
  { wrapping: { suite } }: MasterKey,
  offered: readonly Uint8Array[],
  makeMaster: RestoreKeys["makeMaster"],
): Result<MasterKey> {
  const made = offered[0] === undefined ? makeMaster() : { kind: "ok" as const, value: offered[0] }
  return made.kind === "failed" ? made : { kind: "ok", value: masterKey(suite, made.value) }
}

const keysPerStep = 5000

/** Ends a rotation that was under way when the backup was made, and rotates to the wanted key. */
function moveTo(rows: VaultRows, wanted: MasterKey, masters: Parameters<typeof openKeys>[1]): Result<void> {
  const rotation = createRotation(rows, openKeys(rows, masters))
  for (let begun = false; ; ) {
    const step = rotation.step(keysPerStep)
    if (step.kind === "stuck") return { kind: "failed", why: step.why }
    if (step.kind !== "idle") continue
    if (begun || wanted.id === masters.current.id) return { kind: "ok", value: undefined }
    const started = rotation.begin(wanted)
    if (started.kind === "refused") return { kind: "failed", why: started.why }
    begun = true
  }
}
