import type { EngineStatus } from "./crew.ts"
import type { ProviderName, ProviderRefusal } from "./providers/plan.ts"
import type { PreparationStage } from "./wire.ts"

/** What an accelerator says of itself. */

/**
 * `absent`: none is wanted, or the machine has none that works. `looking`: libraries are being probed. `preparing`: an engine gets
 * ready on it while the processor serves. `resting`: it was given up, and is tried again when the box has nothing to do.
 */
export const acceleratorStates = ["absent", "looking", "preparing", "serving", "resting"] as const
export type AcceleratorState = (typeof acceleratorStates)[number]

/** What the preparing engine is about, and since when (wall time). To compile can take ten minutes. */
export interface Preparation {
  readonly provider: ProviderName
  readonly stage: PreparationStage
  readonly model: string
  readonly sinceMs: number
}

export interface AcceleratorStatus {
  readonly state: AcceleratorState
  /** What answers pictures now. */
  readonly active: ProviderName
  readonly sinceMs: number
  readonly preparation?: Preparation
  /** Why it rests, and when it is tried again at the earliest. */
  readonly rest?: { readonly why: string; readonly retryAtMs: number }
  /** Runs that failed in the last minute; three of them are too many. */
  readonly recentErrors: number
  readonly refusals: readonly ProviderRefusal[]
  /** The process that is prepared or serves. */
  readonly engine?: EngineStatus
}

/** How the first try ended: nobody need wait longer for it. */
export type FirstOutcome =
  | { readonly kind: "serving"; readonly provider: ProviderName }
  | { readonly kind: "refused"; readonly refusals: readonly ProviderRefusal[] }
