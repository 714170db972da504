import { describe, expect, test } from "bun:test"
import { parseAnnouncement, signAnnouncement } from "../../../app/sync/announcements.ts"
import { createOpener, sealRecords } from "../../../app/sync/sealing.ts"
import { revoke } from "../../../app/sync/site/authority.ts"
import { encodeJoinRequest, parseJoinRequest } from "../../../app/sync/site/join-request.ts"
import { authorityKeyText, takeOverAuthority } from "../../../app/sync/site/takeover.ts"
import { readToken } from "../../../app/sync/site/token.ts"
import { createHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { originOf, utf8Of, version } from "../support.ts"
import { accessOf, boxOne, boxThree, boxTwo, createJoinedSite, dayMs, openSiteBox, tokenFor } from "./support.ts"

const ok = <Value>(
  result: { readonly kind: "ok"; readonly value: Value } | { readonly kind: "failed"; readonly why: string },
) => {
  if (result.kind === "failed") throw new Error(result.why)
  return result.value
}

describe.each(["aes", "gm"] as const)("a box joins by a token, under the suite %s", (suite) => {
  test("and reads what the first one wrote, and the other way round", async () => {
    const hub = createHub()
    using first = openSiteBox(lineTo(hub), accessOf(boxOne, "gate-1"))
    ok(first.create(suite))
    await first.talk()
    using second = openSiteBox(lineTo(hub), accessOf(boxTwo, "gate-2"))
    const joined = ok(await second.join(tokenFor(first, second), () => first.talk(false)))
    expect(joined).toEqual({ site: "gate", box: boxTwo, name: "gate-2", members: 2 })
    await first.talk()
    expect(second.site().fingerprint).toBe(first.site().fingerprint)
    expect(
      second
        .site()
        .members()
        .map(({ name }) => name),
    ).toEqual(["gate-1", "gate-2"])
    expect([first.site().isHolder(), second.site().isHolder()]).toEqual([true, false])
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      const [record] = sealRecords(from.site().keys(), [
        { version: version({ origin: originOf(from.access.box) }), content: utf8Of("her") },
      ])
      expect(createOpener(to.site().keys()).open(record!.bytes)).toMatchObject({ kind: "opened", content: utf8Of("her") })
    }
    // What it keeps is on its disk, sealed.
    second.reopen()
    expect(second.site().members()).toHaveLength(2)
    expect(second.sync.box()).toBe(boxTwo)
  })
})

describe("a token", () => {
  test("is text that a person can type, and tells a slip", async () => {
    const hub = createHub()
    using first = openSiteBox(lineTo(hub), accessOf(boxOne, "gate-1"))
    first.create()
    const token = tokenFor(first, { access: accessOf(boxTwo, "gate-2") })
    expect(token).toMatch(/^([0-9A-HJKMNP-TV-Z]{6}-){11}[0-9A-HJKMNP-TV-Z]{6}$/)
    const expected = readToken(token)
    expect(expected).toMatchObject({ kind: "ok", value: { box: boxTwo } })
    expect(readToken(token.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l"))).toEqual(expected)
    const slip = `${token.slice(0, 20)}${token[20] === "7" ? "8" : "7"}${token.slice(21)}`
    for (const wrong of [slip, token.slice(1), `${token}0`, "", "not a token"])
      expect(readToken(wrong)).toMatchObject({ kind: "failed", why: expect.stringContaining("sync invite") })
  })

  test("of another box, of another site, expired, replaced or used is refused, in words for the one who joins", async () => {
    const hub = createHub()
    const line = lineTo(hub)
    using first = openSiteBox(line, accessOf(boxOne, "gate-1"))
    first.create()
    await first.talk()
    using second = openSiteBox(line, accessOf(boxTwo, "gate-2"))
    using third = openSiteBox(line, accessOf(boxThree, "gate-3"))
    const answering = () => first.talk(false)

    const otherBoxs = tokenFor(first, third)
    expect(await second.join(otherBoxs, answering)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining(`for the box ${boxThree}`),
    })

    const elsewhere = createHub()
    using stranger = openSiteBox(lineTo(elsewhere), accessOf(boxOne, "gate-1"))
    stranger.create()
    expect(await second.join(tokenFor(stranger, second), answering)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("of another site"),
    })

    const expired = tokenFor(first, second, 1000)
    first.later(2000)
    expect(await second.join(expired, answering)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("the token expired at 2026-11-01T00:00:01.000Z"),
    })

    const replaced = tokenFor(first, second)
    const token = tokenFor(first, second)
    expect(await second.join(replaced, answering)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("not the one that was given out last"),
    })

    // Who was refused joins with the right one.
    ok(await second.join(token, answering))
    using thief = openSiteBox(line, accessOf(boxTwo, "gate-2"))
    expect(await thief.join(token, answering)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("its token was used"),
    })
    await first.talk()
    await second.talk()
    expect(first.site().member(boxTwo)?.signingKey).toEqual(second.site().keys().pair.publicKey)
    expect(second.site().standing()).toBe("member")
    expect(first.invite("gate-2", boxTwo)).toMatchObject({ kind: "failed", why: expect.stringContaining("a box joins once") })
  })

  test("nobody was given is refused, and so is a request whose keys were swapped on the way", async () => {
    const hub = createHub()
    const line = lineTo(hub)
    using first = openSiteBox(line, accessOf(boxOne, "gate-1"))
    first.create()
    await first.talk()
    using second = openSiteBox(line, accessOf(boxTwo, "gate-2"))
    const token = tokenFor(first, second)
    const thief = first.site().suite.signing.createKeyPair()
    // What it asked lies at the hub for all to see; the keys of somebody else in it do not go with the secret.
    const swapped = async () => {
      const asked = hub.latest("announcements", `${boxTwo}.01`)
      if (asked.kind === "none") throw new Error("it has asked")
      const parsed = parseAnnouncement(asked.entry.bytes)
      const request = parsed.kind === "parsed" ? parseJoinRequest(parsed.announcement.body) : undefined
      if (parsed.kind === "malformed" || request === undefined) throw new Error("a request")
      const body = encodeJoinRequest({ ...request, signingKey: thief.publicKey })
      const forged = signAnnouncement(first.site().suite, thief, { ...parsed.announcement, body })
      hub.write("announcements", asked.entry.key, forged, asked.entry.sequence)
      expect((await first.talk(false)).answered.refused).toMatchObject([{ box: boxTwo }])
    }
    expect(await second.join(token, swapped, 0)).toMatchObject({ kind: "failed" })
    expect(first.site().member(boxTwo)).toBeUndefined()
    // The token itself was not used by that.
    ok(await second.join(token, () => first.talk(false)))
  })

  test("is worth something again and again until there is an answer, with the same keys", async () => {
    const hub = createHub()
    using first = openSiteBox(lineTo(hub), accessOf(boxOne, "gate-1"))
    first.create()
    using second = openSiteBox(lineTo(hub), accessOf(boxTwo, "gate-2"))
    const token = tokenFor(first, second)
    const nobody = async () => undefined
    expect(await second.join(token, nobody)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("`gatehouse sync create`"),
    })
    await first.talk()
    expect(await second.join(token, nobody)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("gate-1, which holds the site's authority, has not answered"),
    })
    await first.talk()
    ok(await second.join(token, nobody))
  })
})

describe("a box that was revoked", () => {
  test("cannot read what comes after, and is believed in nothing", async () => {
    const hub = createHub()
    const [first, second, third] = await createJoinedSite(
      hub,
      "aes",
      [boxOne, "gate-1"],
      [boxTwo, "gate-2"],
      [boxThree, "gate-3"],
    )
    if (first === undefined || second === undefined || third === undefined) throw new Error("three boxes")
    await third.talk()
    const seal = (box: typeof first, text: string) =>
      sealRecords(box.site().keys(), [{ version: version({ origin: originOf(box.access.box) }), content: utf8Of(text) }])[0]!
        .bytes
    const before = seal(second, "before")
    expect(createOpener(third.site().keys()).open(before)).toMatchObject({ kind: "opened" })

    expect(revoke(first.site(), "gate-2", first.nowMs())).toMatchObject({ kind: "ok" })
    expect(revoke(first.site(), "gate-2", first.nowMs())).toMatchObject({ kind: "failed", why: "gate-2 was revoked already" })
    await first.talk()
    const { taken } = await third.talk()
    expect(taken).toMatchObject({ kind: "taken", isRosterNew: true })
    expect([first.site().epoch(), third.site().epoch()]).toEqual([2, 2])
    const after = seal(third, "after")
    expect(createOpener(first.site().keys()).open(after)).toMatchObject({ kind: "opened", content: utf8Of("after") })

    // It hears of it, if the hub still lets it, and has no key all the same.
    await second.talk()
    expect(second.site().standing()).toBe("revoked")
    expect(createOpener(second.site().keys()).open(after)).toMatchObject({ kind: "no_key" })
    expect(second.site().epoch()).toBe(1)
    expect(first.site().keys().siteKey(2)).not.toEqual(second.site().keys().siteKey(1))
    for (const bytes of [before, seal(second, "later")])
      expect(createOpener(third.site().keys()).open(bytes)).toMatchObject({
        kind: "revoked_box",
        why: expect.stringContaining("gate-2"),
      })
    expect(first.invite("gate-2", boxTwo)).toMatchObject({ kind: "failed", why: expect.stringContaining("was revoked") })
    for (const box of [first, second, third]) box[Symbol.dispose]()
  })

  test("a box that was away for long has all keys by the last roster, and one that joins reads the oldest records", async () => {
    const hub = createHub()
    const boxes = await createJoinedSite(
      hub,
      "aes",
      [boxOne, "gate-1"],
      [boxTwo, "gate-2"],
      [boxThree, "gate-3"],
      ["0d0d0d0d", "gate-4"],
    )
    const [first, away] = boxes
    if (first === undefined || away === undefined) throw new Error("boxes")
    const oldest = sealRecords(first.site().keys(), [{ version: version(), content: utf8Of("old") }])[0]!.bytes
    for (const name of ["gate-3", "gate-4"]) {
      revoke(first.site(), name, first.nowMs())
      first.later(30 * dayMs)
      await first.talk()
    }
    await away.talk()
    expect(away.site().epoch()).toBe(3)
    const newest = sealRecords(first.site().keys(), [{ version: version(), content: utf8Of("new") }])[0]!.bytes
    using late = openSiteBox(lineTo(hub), accessOf("0e0e0e0e", "gate-5"))
    ok(await late.join(tokenFor(first, late), () => first.talk(false)))
    for (const box of [away, late])
      for (const bytes of [oldest, newest])
        expect(createOpener(box.site().keys()).open(bytes)).toMatchObject({ kind: "opened" })
    for (const box of boxes) box[Symbol.dispose]()
  })
})

describe("the authority", () => {
  test("goes to another box by its key on paper, and the one before stands back", async () => {
    const hub = createHub()
    const [first, second] = await createJoinedSite(hub, "gm", [boxOne, "gate-1"], [boxTwo, "gate-2"])
    if (first === undefined || second === undefined) throw new Error("two boxes")
    const key = ok(authorityKeyText(first.site()))
    expect(authorityKeyText(second.site())).toMatchObject({ kind: "failed", why: expect.stringContaining("do it at gate-1") })
    const slip = `${key[0] === "7" ? "8" : "7"}${key.slice(1)}`
    for (const wrong of ["", slip, "not a key"])
      expect(takeOverAuthority(second.site(), wrong, 0)).toMatchObject({ kind: "failed" })
    using stranger = openSiteBox(lineTo(createHub()), accessOf(boxOne, "gate-1"))
    stranger.create("gm")
    expect(takeOverAuthority(second.site(), ok(authorityKeyText(stranger.site())), 0)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("another site's authority"),
    })
    ok(takeOverAuthority(second.site(), key.toLowerCase(), second.nowMs()))
    await second.talk()
    await first.talk()
    expect([first.site().isHolder(), second.site().isHolder()]).toEqual([false, true])
    expect(first.invite("gate-3", boxThree)).toMatchObject({ kind: "failed", why: expect.stringContaining("do it at gate-2") })
    using third = openSiteBox(lineTo(hub), accessOf(boxThree, "gate-3"))
    ok(await third.join(tokenFor(second, third), () => second.talk(false)))
    // Also the box that made the site can be sent away now.
    ok(revoke(second.site(), "gate-1", second.nowMs()))
    for (const box of [first, second]) box[Symbol.dispose]()
  })
})
