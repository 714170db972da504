import type { Box } from "../box.ts"
import { createJanitor } from "../janitor.ts"
import { createKeeping } from "../nats/keeping.ts"
import { createLease } from "../nats/lease.ts"
import type { SyncOptions } from "../options.ts"
import type { PullNeeds } from "../pull.ts"
import type { Errand, Ran } from "./errand.ts"
import type { LinkHub } from "./hub.ts"

/** The janitor's role: whichever box holds it writes the markers, and removes what was overwritten or erased. */
export interface KeepingErrandNeeds extends Pick<PullNeeds, "open"> {
  readonly box: Box
  /** Of this process at this hub: a box that starts anew is another holder. */
  readonly holder: string
  /** How many erasures this box holds. */
  readonly erasures: () => number
}

/** A box that is gone is replaced after so long. */
const leaseMs = 30_000
const stepMs = leaseMs / 3
const markMs = 60_000

export function createKeepingErrand(needs: KeepingErrandNeeds, options: SyncOptions): Errand & { isJanitor(): boolean } {
  const { box, open, holder, erasures } = needs
  let role: { readonly hub: LinkHub; readonly lease: ReturnType<typeof createLease>; step(): Promise<Ran> } | undefined

  function roleAt(hub: LinkHub) {
    const lease = createLease(hub.lease, { holder, leaseMs })
    const markerName = () => `${Date.now()}.${crypto.randomUUID()}`
    const janitor = createJanitor({ hub, box, open, pageRecords: options.pageRecords, markerName })
    const keeping = createKeeping({ lease, janitor, markMs, sweepMs: options.sweepMinutes * 60_000, erasures })
    const step = async (): Promise<Ran> => {
      const kept = await keeping.step()
      switch (kept.kind) {
        case "unreachable":
          return kept
        case "refused":
          return { kind: "failed", why: kept.why }
        default:
          return { kind: "done" }
      }
    }
    return { hub, lease, step }
  }

  return {
    name: "janitor",
    everyMs: stepMs,
    when: "beside",
    isJanitor: () => role?.lease.isHeld() ?? false,
    run(hub) {
      if (role?.hub !== hub) role = roleAt(hub)
      return role.step()
    },
    leave: async () => role?.lease.resign(),
  }
}
