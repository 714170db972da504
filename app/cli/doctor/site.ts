import type { SiteReport } from "../../sync/link/report.ts"
import { counted } from "../terminal.ts"
import { type Finding, fail, ok, warn } from "./finding.ts"

/** So long without a whole round is more than a restart of the hub. */
const behindSecondsMax = 3600

/** Of a box that belongs to a site, by what its service has left in the data folder. */
export function checkSite({ site, state, why, lag, outbox, open, mustReadErasures }: SiteReport): Finding {
  const due = outbox.records + outbox.erasures
  const remedy = `${why ?? "no reason is known"}; \`gatehouse sync status\` tells more`
  if (state === "stopped") return fail("site", `${site}: nothing is sent or received`, remedy)
  if (mustReadErasures)
    return fail("site", `${site}: restored, and recognises nobody before it has read who was erased`, remedy)
  if (state === "connecting") {
    const text = `${site}: not connected, ${counted(due, "record")} in the outbox`
    return lag.seconds > behindSecondsMax ? fail("site", text, remedy) : warn("site", text, remedy)
  }
  const waits = open.conflicts + open.fromTheFuture
  if (waits > 0)
    return warn("site", `${site}: ${counted(waits, "thing")} for a person to look at`, "`gatehouse sync conflicts` lists them")
  return ok("site", `${site}: ${state}, ${counted(due, "record")} in the outbox`)
}
