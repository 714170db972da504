import type { Result } from "../base/result.ts"
import { openVaultRows } from "../store/vault-rows.ts"
import type { Keys } from "../vault/keys.ts"
import { findMasterKeys, type MasterPlaces } from "../vault/master.ts"
import { nextKeyFile, settleKeyFile, writeKeyFile } from "../vault/master-file.ts"
import { createMaterial, type MasterKey, masterKey } from "../vault/master-key.ts"
import { createRotation } from "../vault/rotation.ts"
import type { Suite } from "../vault/suite.ts"
import type { OpenedFolder } from "./open.ts"

/** What came of a rotation. */
export interface Rotated {
  readonly masterId: string
  /** Of the one before: nothing needs it any more. */
  readonly retiredId: string
  readonly keys: number
  /** Whether it was begun by an earlier run that was killed. */
  readonly resumed: boolean
}

/** Laid under the new key in one transaction: some 20 ms, in which the box cannot write. */
const keysPerStepDefault = 1000

/**
 * Gives the folder another master key, also while a box runs on it: that takes the new one as soon as it meets it. Killed at any
 * moment, everything opens as before, and the next call goes on.
 * @param told how many keys are done, after each step
 */
export async function rotateMasterKey(
  { store, vault }: OpenedFolder,
  places: MasterPlaces,
  told: (keys: number) => void = () => undefined,
  keysPerStep = keysPerStepDefault,
): Promise<Result<Rotated>> {
  if (vault.sealed === undefined)
    return { kind: "failed", why: "the data folder is not sealed: give the box a master key first (vault.keyFile)" }
  const { keys } = vault.sealed
  const rotation = createRotation(openVaultRows(store), keys)
  const resumed = keys.masters().retired.length > 0
  if (!resumed) {
    const next = nextKey(vault.suite, places, keys)
    if (next.kind === "failed") return next
    const begun = rotation.begin(next.value)
    if (begun.kind === "refused") return { kind: "failed", why: begun.why }
  }
  const settled = settleKeyFile(vault.suite, places.keyFile, places.dataFolder, keys.masters().current.id)
  if (settled.kind === "failed") return settled
  for (let done = 0; ; ) {
    const step = rotation.step(keysPerStep)
    if (step.kind === "stuck")
      return { kind: "failed", why: `${step.why}; the old master key is kept for them until they are erased` }
    if (step.kind === "finished") {
      const { retiredId } = step
      return { kind: "ok", value: { masterId: keys.masters().current.id, retiredId, keys: done, resumed } }
    }
    if (step.kind === "idle") return { kind: "failed", why: "another process has ended the rotation" }
    done += step.keys
    told(done)
    // Whoever waits to write gets the lock.
    await Bun.sleep(1)
  }
}

/** One that is offered besides the present one; of a key file we make it ourselves. */
function nextKey(suite: Suite, places: MasterPlaces, keys: Keys): Result<MasterKey> {
  const found = findMasterKeys(places)
  if (found.kind === "failed") return found
  const { current } = keys.masters()
  const offered = found.value.map(({ material, source }) => ({ key: masterKey(suite, material), source }))
  const next = offered.find(({ key }) => key.id !== current.id)
  if (next !== undefined) return { kind: "ok", value: next.key }
  const source = offered.find(({ key }) => key.id === current.id)?.source
  if (source?.from !== "file") {
    const place =
      source?.from === "environment"
        ? "GATEHOUSE_MASTER_KEY_NEXT"
        : "a second credential of the unit, gatehouse-master-next, and start the box again"
    return { kind: "failed", why: `the next master key is not there: give it in ${place}, then run this again` }
  }
  const material = createMaterial()
  const written = writeKeyFile(nextKeyFile(source.path), material)
  return written.kind === "failed" ? written : { kind: "ok", value: masterKey(suite, material) }
}
