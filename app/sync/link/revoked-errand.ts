import type { Log } from "../../base/log.ts"
import { clearRevoked, type RevokedNeeds } from "../site/revoked.ts"
import type { Errand } from "./errand.ts"

/** What has to be done with the records of a box that was revoked, after a round has read what there is. */
export function createRevokedErrand(
  needs: RevokedNeeds & { readonly log: Pick<Log, "info">; readonly everyMs: number },
): Errand {
  return {
    name: "revoked boxes",
    everyMs: needs.everyMs,
    stream: "announcements",
    when: "after",
    async run() {
      const { adopted, dropped } = await clearRevoked(needs)
      if (adopted + dropped > 0)
        needs.log.info({ adopted, dropped }, "records of a revoked box were written anew, or taken out")
      return { kind: "done" }
    },
  }
}
