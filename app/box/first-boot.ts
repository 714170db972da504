import { type Claim, type OwnersRecovery, openClaim } from "../access/claim.ts"
import { readClaimCodeFile } from "../access/claim-file.ts"
import type { Keys } from "../access/keys.ts"
import type { AccessOptions } from "../access/options.ts"
import type { Log } from "../base/log.ts"
import type { OpenedFolder } from "./open.ts"
import { makeRecoveryKey, needsRecoveryKey } from "./recovery.ts"

export interface FirstBootOptions {
  readonly access: AccessOptions
  readonly adminKey: string | undefined
}

/** Whether the box waits for its owner, and what that one is given: an admin key, and the recovery key of a sealed folder. */
export function openFirstBoot(folder: OpenedFolder, keys: Keys, { access, adminKey }: FirstBootOptions, log: Log): Claim {
  const given = { adminKey, fileCode: readClaimCodeFile() }
  return openClaim({ store: folder.store, keys, makeRecoveryKey: () => ownersRecovery(folder), log }, access, given)
}

function ownersRecovery(folder: OpenedFolder): OwnersRecovery {
  if (!folder.vault.isSealed) return { kind: "not_sealed" }
  if (!needsRecoveryKey(folder)) return { kind: "held" }
  const made = makeRecoveryKey(folder)
  return made.kind === "ok" ? { kind: "made", key: made.value } : made
}
