import { expect, test } from "bun:test"
import { checkSite } from "../../../app/cli/doctor/site.ts"
import type { SiteReport } from "../../../app/sync/link/report.ts"

const well: SiteReport = {
  state: "connected",
  site: "gate",
  box: "0a0a0a0a",
  name: "gate-1",
  epoch: 1,
  hub: { servers: ["hub.example:4222"] },
  lag: { records: 0, seconds: 0 },
  outbox: { erasures: 0, records: 1, doubtful: 0 },
  position: { erasures: 1, records: 1 },
  held: { people: 0, faces: 1, parts: 0, deleted: 0, erased: 0 },
  counts: { rounds: 1, applied: 0, stored: 0, offeredAgain: 0, refused: 0, withheld: 0 },
  isTakingStock: false,
  mustReadErasures: false,
  open: { conflicts: 0, fromTheFuture: 0, refused: 0 },
  erasures: { total: 0, confirmed: 0, waiting: [] },
  sightings: { enabled: false, dropped: 0 },
  boxes: [],
}
const why = "the hub does not know this box's key"

test.each<[string, Partial<SiteReport>, "ok" | "warn" | "fail", string]>([
  ["connected", {}, "ok", "1 record in the outbox"],
  ["no service runs", { state: "idle", why: "no box serves" }, "ok", "idle"],
  ["the hub refuses it", { state: "connecting", why, lag: { records: 0, seconds: 60 } }, "warn", "not connected"],
  ["… for long", { state: "connecting", why, lag: { records: 0, seconds: 7200 } }, "fail", "not connected"],
  ["a gallery that shrank", { state: "stopped", why }, "fail", "nothing is sent"],
  ["restored", { mustReadErasures: true, why }, "fail", "recognises nobody"],
  ["conflicts", { open: { conflicts: 2, fromTheFuture: 1, refused: 9 } }, "warn", "3 things for a person"],
])("the doctor on a site: %s", (_, more, level, text) => {
  const finding = checkSite({ ...well, ...more })
  expect(finding).toMatchObject({ level, subject: "site" })
  expect(finding.text).toContain(text)
  if (more.why === why && level !== "ok") expect(finding.remedy).toContain(why)
})
