import type { HubKeeping } from "../../../app/sync/hub.ts"
import type { HubAccess } from "../../../app/sync/nats/setup/access.ts"
import { answerAsking, invite } from "../../../app/sync/site/authority.ts"
import { openBoard } from "../../../app/sync/site/board.ts"
import { joinSite } from "../../../app/sync/site/join.ts"
import { createSite, openSite } from "../../../app/sync/site/site.ts"
import { openSuite } from "../../../app/vault/suites.ts"
import type { SimulatedHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { openTestSyncStore } from "../store/support.ts"

export const dayMs = 24 * 3600 * 1000

export const accessOf = (box: string, name: string, site = "gate"): HubAccess => ({
  version: 1,
  site,
  box,
  name,
  servers: ["127.0.0.1:4222"],
  nkeySeed: "SU",
  tls: { ca: "", cert: "", key: "" },
  replicas: 1,
  sightingsBytesMax: 1,
})

/** A box with its own database, on its way into a site or in it. */
export function openSiteBox(hub: HubKeeping, access: HubAccess) {
  const opened = openTestSyncStore({ isSealed: true })
  const { store, sync } = opened
  const { settings } = sync
  const needs = { settings, transact: store.transact }
  let nowMs = Date.UTC(2026, 10, 1)

  function open() {
    const site = openSite(needs)
    if (site === undefined) throw new Error(`${access.name} belongs to no site`)
    return { site, board: openBoard({ ...needs, site, wallClockMs: () => nowMs }) }
  }
  let present: ReturnType<typeof open> | undefined
  const its = () => {
    present ??= open()
    return present
  }

  return {
    ...opened,
    access,
    site: () => its().site,
    board: () => its().board,
    /** As after a restart. */
    reopen: (): void => {
      present = undefined
    },
    later: (ms: number): void => {
      nowMs += ms
    },
    nowMs: () => nowMs,
    create(suite: "aes" | "gm" = "aes") {
      const made = createSite({ settings }, { access, suite: openSuite(suite).suite, nowMs })
      if (made.kind === "ok") sync.enter(access.box)
      return made
    },
    invite: (name: string, box: string, lastsMs = dayMs) => invite(its().site, { name, box, lastsMs, nowMs }),
    /** Everything that a service does between two rounds. */
    async talk(verify = true) {
      const taken = await its().board.take(hub, { verify })
      const answered = answerAsking(its().site, its().board, nowMs)
      const published = await its().board.publish(hub)
      return { taken, answered, published }
    },
    /** @param meanwhile what others do while this box waits, once each time it looks */
    async join(token: string, meanwhile: () => Promise<unknown>, looks = 1) {
      let left = looks
      const again = async () => {
        await meanwhile()
        return left-- > 0
      }
      const joined = await joinSite({ settings, hub, access, token, nowMs: () => nowMs, again })
      if (joined.kind === "ok") sync.enter(access.box)
      return joined
    },
  }
}

export type SiteBox = ReturnType<typeof openSiteBox>

export const [boxOne, boxTwo, boxThree] = ["0a0a0a0a", "0b0b0b0b", "0c0c0c0c"] as const

/** A token that was given out; what went wrong is thrown. */
export function tokenFor(first: SiteBox, newcomer: Pick<SiteBox, "access">, lastsMs?: number): string {
  const invited = first.invite(newcomer.access.name, newcomer.access.box, lastsMs)
  if (invited.kind === "failed") throw new Error(invited.why)
  return invited.value.token
}

/** A site of these boxes, the first of them holding its authority. */
export async function createJoinedSite(
  hub: SimulatedHub,
  suite: "aes" | "gm",
  ...names: readonly (readonly [string, string])[]
) {
  const boxes = names.map(([box, name]) => openSiteBox(lineTo(hub), accessOf(box, name)))
  const [first, ...others] = boxes
  if (first === undefined) throw new Error("a site has a first box")
  first.create(suite)
  await first.talk()
  for (const box of others) {
    const joined = await box.join(tokenFor(first, box), () => first.talk(false))
    if (joined.kind === "failed") throw new Error(joined.why)
  }
  return boxes
}
