import { pushSightings, type SightingRows } from "../sightings.ts"
import type { Errand, Ran } from "./errand.ts"

const batchMax = 100
const everyMs = 5000

/** What cameras saw here, for the hub. Beside the rounds: a hub that takes its time with them delays no enrolment. */
export function createSightingsErrand(rows: SightingRows): Errand {
  return {
    name: "sightings",
    everyMs,
    when: "beside",
    async run(hub): Promise<Ran> {
      const pushed = await pushSightings({ hub, rows, batchMax })
      if (pushed.kind === "stopped") return { kind: "failed", why: pushed.why }
      return pushed.kind === "unreachable" ? pushed : { kind: "done" }
    },
  }
}
