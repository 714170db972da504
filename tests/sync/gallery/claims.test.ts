import { describe, expect, test } from "bun:test"
import { enrol, found, openSiteOf, pictureOf } from "./support.ts"

describe("one number in another system, given at two boxes", () => {
  async function twoOfOneNumber() {
    const site = await openSiteOf(2)
    const [a, b] = [site.boxes[0]!, site.boxes[1]!]
    const first = enrol(a, "Nora", { externalId: "7" })
    await Bun.sleep(2)
    const second = enrol(b, "Norma", { externalId: "7" })
    await site.agree()
    return { site, a, b, first, second }
  }

  test("both stay and are found, the smaller id keeps it on every box, and it is listed", async () => {
    const { site, a, b, first, second } = await twoOfOneNumber()
    await using _ = site
    for (const box of [a, b]) {
      expect(box.gallery.subject(first.subjectId)?.externalId).toBe("7")
      expect(box.gallery.subject(second.subjectId)?.externalId).toBeUndefined()
      expect(await found(box, second.vector)).toEqual({ subjectId: second.subjectId, faceId: second.faceId })
      expect(box.gallery.subjects({ limit: 9, externalId: "7" }).items.map(({ id }) => id)).toEqual([first.subjectId])
      expect(box.syncStore.conflicts.list(10)).toMatchObject([
        { kind: "external_id", subjectId: second.subjectId, otherId: first.subjectId },
      ])
    }
    // What is changed of the one without it takes it from nobody.
    b.gallery.updateSubject(second.subjectId, { name: "Norma B" })
    await site.agree()
    expect(pictureOf(a)).toEqual(pictureOf(b))
  })

  test.each([
    ["is erased", async ({ a, first }) => void (await a.people.erase(first.subjectId, 20_000))],
    ["is deleted", async ({ b, first }) => void b.gallery.deleteSubject(first.subjectId)],
    ["gives it up", async ({ a, first }) => void a.gallery.updateSubject(first.subjectId, { externalId: null })],
    ["gets another one", async ({ b, first }) => void b.gallery.updateSubject(first.subjectId, { externalId: "8" })],
  ] as readonly (readonly [string, (given: Awaited<ReturnType<typeof twoOfOneNumber>>) => Promise<void>])[])(
    "whoever waits for it gets it on every box when the other %s",
    async (_, leave) => {
      const given = await twoOfOneNumber()
      await using site = given.site
      await leave(given)
      await site.agree()
      for (const box of site.boxes) {
        expect(box.gallery.subject(given.second.subjectId)?.externalId).toBe("7")
        expect(box.syncStore.conflicts.list(10)).toEqual([])
        expect((await box.talk()).stored).toBe(0)
      }
    },
  )

  test("given up by whoever waits for it, nobody gets it", async () => {
    const { site, a, b, first, second } = await twoOfOneNumber()
    await using _ = site
    b.gallery.updateSubject(second.subjectId, { externalId: "9" })
    await site.agree()
    a.gallery.deleteSubject(first.subjectId)
    await site.agree()
    expect(a.gallery.subject(second.subjectId)?.externalId).toBe("9")
    expect(a.syncStore.conflicts.list(10)).toEqual([])
  })
})
