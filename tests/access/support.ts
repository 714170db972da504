import { type Claim, type OwnersRecovery, openClaim } from "../../app/access/claim.ts"
import { openKeys } from "../../app/access/keys.ts"
import type { AccessOptions } from "../../app/access/options.ts"
import { silentLog } from "../../app/base/log.ts"
import { openStore, type Store } from "../../app/store/store.ts"
import { type TempFolder, tempFolder } from "../support/shared.ts"

export interface ClaimBox extends Disposable {
  readonly store: Store
  readonly folder: TempFolder
  /** As a start of the box. */
  start(options?: StartOptions): Claim
  /** Seconds since the machine was started. */
  uptimeS: number
}

export interface StartOptions {
  readonly claim?: AccessOptions["claim"]
  readonly fileCode?: string
  /** That of the environment. */
  readonly adminKey?: string
  readonly recovery?: () => OwnersRecovery
}

const notSealed: OwnersRecovery = { kind: "not_sealed" }

/** The keys of a box, and a clock that is told. */
export function openClaimBox(): ClaimBox {
  const folder = tempFolder()
  const opened = openStore(folder.file("gatehouse.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  const box: ClaimBox = {
    store,
    folder,
    uptimeS: 40,
    start({ claim = "required", fileCode, adminKey, recovery = () => notSealed } = {}) {
      const needs = { store, keys: openKeys(store), makeRecoveryKey: recovery, log: silentLog, uptimeS: () => box.uptimeS }
      const file = fileCode === undefined ? undefined : ({ kind: "ok", value: fileCode } as const)
      return openClaim(needs, { claim }, { adminKey, fileCode: file })
    },
    [Symbol.dispose]: () => {
      store.close()
      folder[Symbol.dispose]()
    },
  }
  return box
}
