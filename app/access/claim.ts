import type { Log } from "../base/log.ts"
import type { Result } from "../base/result.ts"
import type { Store } from "../store/store.ts"
import { parseClaimCode } from "./claim-code.ts"
import { type AskedCode, openClaimCodes } from "./claim-codes.ts"
import type { Keys } from "./keys.ts"
import type { AccessOptions } from "./options.ts"

/** What came of claiming the box. */
export type Claimed =
  /** The keys are shown this once. */
  | { readonly kind: "claimed"; readonly adminKey: string; readonly recovery: OwnersRecovery }
  /** Nothing that could be a code; it counts as no try. */
  | { readonly kind: "mistyped"; readonly why: string }
  | { readonly kind: "wrong_code"; readonly triesLeft: number }
  | { readonly kind: "locked" }
  | { readonly kind: "expired" }
  /** By somebody else, or by the same code before. */
  | { readonly kind: "already_claimed" }

/** What the owner gets to open backups with. */
export type OwnersRecovery =
  | { readonly kind: "made"; readonly key: string }
  /** Backups open for everybody. */
  | { readonly kind: "not_sealed" }
  /** Somebody was shown one before. */
  | { readonly kind: "held" }
  | { readonly kind: "failed"; readonly why: string }

export interface ClaimAttempt {
  /** As it was typed. */
  readonly code: string
  /** At least `adminKeyCharactersMin` characters; a random one is made when not said. */
  readonly adminKey?: string | undefined
}

/** Whether the box has an owner, and how it gets one. */
export interface Claim {
  /** Whether the box waits for its owner: until then it answers the network nothing but /setup and /healthz. */
  isAwaited(): boolean
  /** Whether it was ever claimed by a code, or waits for that: it answers over HTTPS then. */
  readonly isByCode: boolean
  /** What is asked for since this start; `undefined` when the box has its owner. */
  readonly asked: AskedCode | undefined
  claim(attempt: ClaimAttempt): Claimed
}

export interface ClaimNeeds {
  readonly store: Store
  readonly keys: Keys
  /** In the transaction of the claim. */
  readonly makeRecoveryKey: () => OwnersRecovery
  readonly log: Pick<Log, "info" | "warn" | "error">
  /** For tests. */
  readonly uptimeS?: () => number
}

/** As long as `GATEHOUSE_ADMIN_KEY` has to be. */
export const adminKeyCharactersMin = 16

/** Whether the admin key is in good hands; if not, opens the window in which somebody can claim the box by a code. */
export function openClaim(
  { store, keys, makeRecoveryKey, log, uptimeS }: ClaimNeeds,
  options: AccessOptions,
  given: {
    /** The key of the environment: whoever gave it is the owner. */
    readonly adminKey: string | undefined
    readonly fileCode: Result<string> | undefined
  },
): Claim {
  const codes = openClaimCodes(store, uptimeS)
  const { fileCode } = given
  if (fileCode?.kind === "failed") log.error({ why: fileCode.why }, "the file with the claim code is not used")
  let isOwned = given.adminKey !== undefined || options.claim === "off" || keys.hasAdminKey()
  // A box that has once asked for a code goes on doing so, though the file be gone.
  const isWanted = options.claim === "required" || fileCode !== undefined || !codes.isEmpty()
  isOwned ||= !isWanted
  const asked = isOwned
    ? undefined
    : store.transact<AskedCode>(() => codes.openAtStart(fileCode?.kind === "ok" ? fileCode.value : undefined))

  function attempt(code: string, adminKey: string | undefined): Claimed {
    // Another process on the same folder counts, too: one of two wins.
    if (isOwned || keys.hasAdminKey()) return { kind: "already_claimed" }
    const checked = codes.check(code)
    switch (checked.kind) {
      case "right": {
        codes.use()
        return { kind: "claimed", adminKey: keys.createAdminKey(adminKey), recovery: makeRecoveryKey() }
      }
      case "wrong":
        return { kind: "wrong_code", triesLeft: checked.triesLeft }
      default:
        return checked
    }
  }

  return {
    isAwaited() {
      // Read each time until it is so: `gatehouse admin reset-key` beside the box makes an owner as well.
      isOwned ||= keys.hasAdminKey()
      return !isOwned
    },
    isByCode: asked !== undefined || !codes.isEmpty(),
    asked,

    claim({ code, adminKey }) {
      const parsed = parseClaimCode(code)
      if (parsed.kind === "failed") return { kind: "mistyped", why: parsed.why }
      const claimed = store.transact<Claimed>(() => attempt(parsed.value, adminKey))
      if (claimed.kind === "claimed") log.info("somebody has claimed the box")
      else
        log.warn(
          { ...(claimed.kind === "wrong_code" ? { triesLeft: claimed.triesLeft } : {}) },
          `a claim was refused: ${claimed.kind}`,
        )
      return claimed
    },
  }
}

/**
 * What `gatehouse admin claim-code` does: another code for a box that waits for its owner, and a running one takes it at once.
 *
 * @param uptimeS for tests
 */
export function renewClaimCode(store: Store, keys: Keys, uptimeS?: () => number): Result<string> {
  return store.transact<Result<string>>(() => {
    if (keys.hasAdminKey())
      return {
        kind: "failed",
        why: "the box has its owner: gatehouse admin reset-key makes a new admin key, and voids the old one",
      }
    return { kind: "ok", value: openClaimCodes(store, uptimeS).openByCommand() }
  })
}
