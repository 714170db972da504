import { describe, expect, test } from "bun:test"
import { importRecords } from "../../../app/sync/courier.ts"
import type { Entity } from "../../../app/sync/entity.ts"
import { createJanitor } from "../../../app/sync/janitor.ts"
import { rereadRefused } from "../../../app/sync/link/reread.ts"
import type { Kind } from "../../../app/sync/merge.ts"
import { createOpener, sealRecords } from "../../../app/sync/sealing.ts"
import { round } from "../../../app/sync/session.ts"
import { revoke } from "../../../app/sync/site/authority.ts"
import { clearRevoked } from "../../../app/sync/site/revoked.ts"
import { refusedMax } from "../../../app/sync/store/lists.ts"
import { writeChanges } from "../../../app/sync/write.ts"
import { createHub } from "../../sim/hub.ts"
import { lineTo } from "../../sim/line.ts"
import { openPlainBox } from "../store/support.ts"
import { entity, utf8Of } from "../support.ts"
import { accessOf, boxOne, boxThree, boxTwo, createJoinedSite, openSiteBox, type SiteBox, tokenFor } from "./support.ts"

/** A member with tables and rounds; a gallery it has not. */
function withGallery(member: SiteBox, hub: ReturnType<typeof createHub>) {
  const box = openPlainBox(member.sync)
  const line = lineTo(hub)
  const keys = member.site().keys()
  const { open } = createOpener(keys)
  const needs = { hub: line, box, open, pace: () => Promise.resolve(), pageRecords: 50, windowRecords: 8 }
  let marks = 0
  return {
    member,
    box,
    janitor: createJanitor({ ...needs, markerName: () => `mark.${member.access.box}.${++marks}` }),
    write(kind: Kind, path: Entity, text = "", wallMs = member.nowMs()): void {
      box.transact((tables) =>
        writeChanges(tables, [{ kind, entity: path, content: utf8Of(text) }], wallMs, (drafts) => sealRecords(keys, drafts)),
      )
    },
    /** As the loop of a service does: announcements, a round, and what follows. */
    async work() {
      const { taken } = await member.talk()
      if (taken.kind === "taken" && taken.isRosterNew) rereadRefused(box, member.sync.refused(refusedMax), refusedMax)
      const talked = await round(needs, { verify: true })
      return { talked, cleared: await clearRevoked({ box, site: member.site(), settings: member.sync.settings }) }
    },
    take: (bytes: readonly Uint8Array[]) => importRecords(box, open, bytes),
    bytesOf: (path: Entity): Uint8Array => {
      const row = box.transact((tables) => tables.row(path))
      if (row === undefined) throw new Error(`no ${path}`)
      return row.record.bytes
    },
    /** What whoever comes new would read there. */
    readAtHub(path: Entity): string {
      const latest = hub.latest("records", path)
      const opened = latest.kind === "found" ? open(latest.entry.bytes) : latest
      return opened.kind === "opened" ? new TextDecoder().decode(opened.content) : opened.kind
    },
    /** What it holds of the paths: kind, writer and content. */
    says: (...paths: readonly Entity[]) =>
      paths.map((path) => {
        const record = box.transact((tables) => tables.row(path)?.record)
        if (record === undefined) return "nothing"
        const opened = open(record.bytes)
        const content = opened.kind === "opened" ? new TextDecoder().decode(opened.content) : opened.kind
        return [record.kind, record.origin.slice(0, 8), content].filter((part) => part !== "").join(" ")
      }),
  }
}

async function createGalleries() {
  const hub = createHub()
  const names = [
    [boxOne, "gate-1"],
    [boxTwo, "gate-2"],
    [boxThree, "gate-3"],
  ] as const
  const members = await createJoinedSite(hub, "aes", ...names)
  const [one, two, three] = members.map((member) => withGallery(member, hub))
  if (one === undefined || two === undefined || three === undefined) throw new Error("three boxes")
  return {
    hub,
    one,
    two,
    three,
    [Symbol.dispose]() {
      for (const member of members) member[Symbol.dispose]()
    },
  }
}

describe("what a revoked box wrote", () => {
  test("is written anew by the box that sent it away, and everybody has it from there", async () => {
    using site = await createGalleries()
    const { hub, one, two, three } = site
    two.write("put", entity(1, 1), "Ada")
    two.write("put", entity(2, 1), "Grace")
    two.write("del", entity(2, 1))
    two.write("put", entity(3, 1), "Mary")
    two.write("erase", entity(3))
    two.write("put", entity(4, 1), "Joan")
    for (const box of [two, one, three, two]) await box.work()
    // Somebody else's word about one of them, which the revocation must not undo.
    three.write("put", entity(1, 1), "Ada L.", three.member.nowMs() + 1000)
    for (const box of [three, one]) await box.work()
    // … and one that its box does not know of yet.
    three.write("put", entity(4, 1), "Joan C.", three.member.nowMs() + 1000)

    expect(revoke(one.member.site(), "gate-2", one.member.nowMs()).kind).toBe("ok")
    const paths = [entity(1, 1), entity(2, 1), entity(3), entity(4, 1)]
    await one.work()
    await one.work()
    for (let i = 0; i < 3; i++) for (const box of [one, three]) await box.work()
    const expected = [`put ${boxThree} Ada L.`, `del ${boxOne}`, `erase ${boxOne}`, `put ${boxThree} Joan C.`]
    expect(one.says(...paths)).toEqual(expected)
    expect(three.says(...paths)).toEqual(expected)
    expect(one.member.site().member(boxTwo)?.standing).toMatchObject({ kind: "revoked", settled: true })

    // One that comes new has it all, and believes nothing of the other's.
    using late = openSiteBox(lineTo(hub), accessOf("0d0d0d0d", "gate-4"))
    const joined = await late.join(tokenFor(one.member, late), () => one.member.talk(false))
    expect(joined.kind).toBe("ok")
    const newest = withGallery(late, hub)
    await newest.work()
    expect(newest.says(...paths)).toEqual(expected)
  })

  test("counts for nothing where it did not reach that box, however it comes, and what lay under it is there again", async () => {
    using site = await createGalleries()
    const { one, two, three } = site
    one.write("put", entity(1, 1), "Ada")
    for (const box of [one, two, three]) await box.work()
    // The thief has box two and its keys: a stick to box three, which has not heard yet.
    two.write("put", entity(1, 1), "Mallory")
    two.write("put", entity(9, 1), "nobody")
    const forged = [two.bytesOf(entity(1, 1)), two.bytesOf(entity(9, 1))]
    expect(three.take(forged)).toMatchObject({ changed: 2 })
    expect(three.says(entity(1, 1), entity(9, 1))).toEqual([`put ${boxTwo} Mallory`, `put ${boxTwo} nobody`])

    expect(revoke(one.member.site(), "gate-2", one.member.nowMs()).kind).toBe("ok")
    for (let i = 0; i < 4; i++) for (const box of [one, three]) await box.work()
    for (const box of [one, three]) expect(box.says(entity(1, 1), entity(9, 1))).toEqual([`put ${boxOne} Ada`, "nothing"])
    // At the hub, too, where box three had put it meanwhile.
    expect(one.readAtHub(entity(1, 1))).toBe("Ada")
    // And again, to one that has heard.
    expect(three.take(forged)).toMatchObject({ changed: 0, refused: 2 })
  })

  test("leaves the hub's disk with what it is about", async () => {
    using site = await createGalleries()
    const { hub, one, two, three } = site
    two.write("put", entity(1, 1), "Ada")
    for (const box of [two, one]) await box.work()
    revoke(one.member.site(), "gate-2", one.member.nowMs())
    for (let i = 0; i < 3; i++) for (const box of [one, three]) await box.work()
    one.write("erase", entity(1))
    await one.work()
    await one.janitor.mark()
    await one.work()
    expect(await one.janitor.sweep(0)).toMatchObject({ kind: "swept" })
    expect(hub.all("records", entity(1, 1))).toEqual([])
  })
})

test("what came before the roster told whom to believe is read again", async () => {
  const hub = createHub()
  const [first, second] = (await createJoinedSite(hub, "aes", [boxOne, "gate-1"], [boxTwo, "gate-2"])).map((member) =>
    withGallery(member, hub),
  )
  if (first === undefined || second === undefined) throw new Error("two boxes")
  const { site } = first.member
  using late = openSiteBox(lineTo(hub), accessOf(boxThree, "gate-3"))
  await late.join(tokenFor(first.member, late), () => first.member.talk(false))
  const third = withGallery(late, hub)
  third.write("put", entity(1, 1), "Ada")
  await third.work()
  // A round without a look at the announcements before it.
  const { open } = createOpener(second.member.site().keys())
  const talked = await round(
    { hub: lineTo(hub), box: second.box, open, pace: () => Promise.resolve(), pageRecords: 50, windowRecords: 8 },
    { verify: true },
  )
  expect(talked).toMatchObject({ kind: "done", refused: 1 })
  expect(second.says(entity(1, 1))).toEqual(["nothing"])
  await second.work()
  expect(second.says(entity(1, 1))).toEqual([`put ${boxThree} Ada`])
  expect(site().members()).toHaveLength(3)
  for (const box of [first, second]) box.member[Symbol.dispose]()
})
