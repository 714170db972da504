import { describe, expect, test } from "bun:test"
import { parseAnnouncement, signAnnouncement } from "../../../app/sync/announcements.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import { revoke } from "../../../app/sync/site/authority.ts"
import { createHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { entity, utf8Of } from "../support.ts"
import { accessOf, boxOne, boxThree, boxTwo, createJoinedSite, openSiteBox, type SiteBox } from "./support.ts"

async function createPair() {
  const hub = createHub()
  const [first, second] = await createJoinedSite(hub, "aes", [boxOne, "gate-1"], [boxTwo, "gate-2"])
  if (first === undefined || second === undefined) throw new Error("two boxes")
  await second.talk()
  return {
    hub,
    first,
    second,
    [Symbol.dispose]() {
      first[Symbol.dispose]()
      second[Symbol.dispose]()
    },
  }
}

const refusedOf = async (box: SiteBox) => {
  const { taken } = await box.talk(false)
  return taken.kind === "taken" ? taken.refused.map(({ key, kind }) => `${key} ${kind}`) : [taken.kind]
}

describe("what boxes say of themselves", () => {
  test("is heard by all members, the last word of each", async () => {
    using site = await createPair()
    const { hub, first, second } = site
    for (const text of ["early", "late"])
      expect(await second.board().sayStatus(lineTo(hub), utf8Of(text))).toEqual({ kind: "written" })
    await first.talk()
    expect(first.board().statuses().get(boxTwo)).toMatchObject({ body: utf8Of("late") })
  })

  test("receipts add up over many batches, and are there after a restart", async () => {
    using site = await createPair()
    const { first, second } = site
    const erased = Array.from({ length: 600 }, (_, i) => entity(i + 1))
    second.board().confirm(erased.slice(0, 5).map((path) => ({ entity: path, atMs: 1 })))
    await second.talk()
    await first.talk()
    expect(first.board().confirmed().get(boxTwo)?.size).toBe(5)
    second.board().confirm(erased.slice(5).map((path) => ({ entity: path, atMs: 2 })))
    first.board().confirm([{ entity: erased[0] as Entity, atMs: 3 }])
    for (const box of [second, first, second]) await box.talk()
    for (const box of [first, second]) {
      box.reopen()
      const confirmed = box.board().confirmed()
      expect(confirmed.get(boxTwo)).toEqual(new Set(erased))
      expect(confirmed.get(boxOne)).toEqual(new Set(erased.slice(0, 1)))
    }
  })

  test("that it leaves ends its membership, and what it wrote stays good", async () => {
    using site = await createPair()
    const { first, second } = site
    second.board().sayLeave()
    await second.talk()
    expect((await first.talk()).answered.left).toEqual([boxTwo])
    expect(first.site().member(boxTwo)?.standing.kind).toBe("left")
    expect(first.site().epoch()).toBe(2)
    expect(first.site().keys().publicKeyOf(boxTwo)).toBeDefined()
    expect(first.site().keys().whyNotBelieved?.(boxTwo)).toBeUndefined()
  })
})

describe("a hub that lost its end", () => {
  test("is told again: roster, receipts and answers, also by a box that does not hold the authority", async () => {
    using site = await createPair()
    const { hub, first, second } = site
    hub.mark("announcements", "mark.1")
    for (const box of [first, second]) await box.talk()
    second.board().confirm([{ entity: entity(1), atMs: 1 }])
    expect(revoke(first.site(), boxThree, 0).kind).toBe("failed")
    await second.talk()
    await first.talk()
    const before = hub.last("announcements")
    hub.rollBack(1)
    // Somebody else has the number by now.
    await first.board().sayStatus(lineTo(hub), utf8Of("here"))
    expect(hub.last("announcements")).toBe(before)
    expect((await second.talk(false)).published).toMatchObject({ written: 0 })
    expect((await second.talk()).published).toMatchObject({ written: 1 })
    hub.rollBack(1000)
    expect([...hub.keys("announcements")]).toEqual([])
    expect((await second.talk()).published).toMatchObject({ written: 2 })
    expect([...hub.keys("announcements")].sort()).toEqual([`${boxTwo}.02`, `${boxTwo}.05.00000000`])
    // The holder finds it there, and has nothing to add.
    expect((await first.talk()).published).toMatchObject({ written: 0 })
  })
})

describe("what lies at the hub is not believed", () => {
  test("when it was tampered with, signed by another, laid elsewhere, or said by nobody of the site", async () => {
    using site = await createPair()
    const { hub, first, second } = site
    const put = (key: string, bytes: Uint8Array) => {
      const latest = hub.latest("announcements", key)
      hub.write("announcements", key, bytes, latest.kind === "found" ? latest.entry.sequence : 0)
    }
    const sign = (box: string, by: SiteBox, text = "here", more: object = {}) =>
      signAnnouncement(first.site().suite, by.site().keys().pair, {
        ...{ kind: "status", site: "gate", box, about: "", atMs: 1, body: utf8Of(text) },
        ...more,
      })
    const good = sign(boxTwo, second)
    for (let at = 0; at < good.length; at += 7) {
      const tampered = Uint8Array.from(good)
      tampered[at] = (tampered[at] ?? 0) ^ 4
      put(`${boxTwo}.04`, tampered)
      expect(await refusedOf(first)).toHaveLength(1)
    }
    expect(first.board().statuses().has(boxTwo)).toBe(false)
    put(`${boxTwo}.04`, sign(boxOne, second))
    expect(await refusedOf(first)).toEqual([`${boxTwo}.04 misplaced`])
    put(`${boxOne}.04`, sign(boxOne, second))
    expect(await refusedOf(first)).toContain(`${boxOne}.04 bad_signature`)
    put(`${boxThree}.04`, sign(boxThree, second))
    expect(await refusedOf(first)).toContain(`${boxThree}.04 unknown_box`)
    put(`${boxTwo}.04`, sign(boxTwo, second, "here", { site: "other" }))
    expect(await refusedOf(first)).toContain(`${boxTwo}.04 other_site`)
    put(`${boxTwo}.04`, good.subarray(0, -1))
    expect(await refusedOf(first)).toContain(`${boxTwo}.04 malformed`)
    put(`${boxTwo}.04`, good)
    await first.talk()
    expect(first.board().statuses().get(boxTwo)).toMatchObject({ body: utf8Of("here") })
  })

  test("when it is a roster by somebody else, or an old one", async () => {
    using site = await createPair()
    const { hub, first, second } = site
    using stranger = openSiteBox(lineTo(createHub()), accessOf(boxTwo, "gate-2"))
    stranger.create()
    const old = first.site().rosterBytes()
    expect(first.site().takeRoster(stranger.site().rosterBytes())).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("another authority"),
    })
    hub.write("announcements", `${boxTwo}.02`, stranger.site().rosterBytes(), 0)
    expect(await refusedOf(first)).toEqual([`${boxTwo}.02 other_authority`])
    // The body of the true one, signed by a member that is not the authority.
    const parsed = parseAnnouncement(old)
    if (parsed.kind !== "parsed") throw new Error("a roster")
    const forged = signAnnouncement(first.site().suite, second.site().keys().pair, { ...parsed.announcement, atMs: 5 })
    expect(first.site().takeRoster(forged)).toMatchObject({ kind: "refused", why: expect.stringContaining("has not signed") })
    revoke(first.site(), "gate-2", first.nowMs())
    expect(first.site().takeRoster(old)).toEqual({ kind: "older" })
    expect(first.site().takeRoster(first.site().rosterBytes())).toEqual({ kind: "known" })
  })
})
