import { expect, test } from "bun:test"
import { bundlePage, importRecords } from "../../../app/sync/courier.ts"
import { Crash } from "../../sim/disk.ts"
import { createTestSite } from "../site.ts"
import { boxA, boxB, entity } from "../support.ts"

/** Longer than any round below asks. */
const callsMax = 60
const boxC = "0c0c0c0c"

/**
 * Two boxes that agree, and a stick of a third one that never meets the hub: new people, newer and older versions of people that all
 * know, an erasure of one of them.
 */
async function agreedWithStick() {
  const site = createTestSite([boxA, boxB, boxC])
  const [a, b, c] = [site.boxes[0]!, site.boxes[1]!, site.boxes[2]!]
  a.enrol(100, 8)
  b.enrol(200, 6)
  await site.settle()
  site.mark()
  await site.settle()
  c.enrol(300, 4)
  c.write("put", entity(101, 101), 5000)
  c.write("del", entity(201, 201), 5000)
  c.write("erase", entity(102), 5000)
  c.write("put", entity(103, 103), 1)
  const stick = c.disk.transact((tables) => {
    const erasures = bundlePage(tables, 0, { stream: "erasures", change: 0 }, 1000)
    return [...erasures.records, ...bundlePage(tables, 0, erasures.next!, 1000).records].map(({ bytes }) => bytes)
  })
  return { site, a, b, stick }
}

function agree(digests: readonly (readonly string[])[]): void {
  for (const digest of digests) expect(digest).toEqual(digests[0]!)
}

test.each([false, true])(
  "a stick that is imported before each question of a round: all agree (the hub lost its end: %p)",
  async (lost) => {
    for (let at = 0; at < callsMax; at++) {
      const { site, a, b, stick } = await agreedWithStick()
      a.enrol(400, 3)
      b.enrol(500, 7)
      await b.round()
      a.write("put", entity(101, 101), 3000)
      if (lost) site.hub.rollBack(9)
      let happened = false
      a.hooks.beforeCall = async (call) => {
        if (call === at) {
          happened = true
          importRecords(a.disk, a.open, stick)
        }
        return undefined
      }
      await a.round()
      a.hooks.beforeCall = async () => undefined
      importRecords(a.disk, a.open, stick)
      await site.settle()
      agree(site.digests())
      expect(b.disk.rows().has(entity(102, 102))).toBe(false)
      expect(b.disk.rows().get(entity(101, 101))?.record.origin).toStartWith(boxC)
      expect(b.disk.rows().get(entity(301, 301))?.standing).toBe("held")
      if (!happened) break
    }
  },
)

test("an import that crashes at any step is there or is not, and goes on the next time", async () => {
  for (let at = 0; ; at++) {
    const { site, a, stick } = await agreedWithStick()
    let steps = 0
    a.hooks.beforeStep = () => {
      if (steps++ === at) throw new Crash()
    }
    let crashed = false
    for (let from = 0; from < stick.length && !crashed; from += 3)
      try {
        importRecords(a.disk, a.open, stick.slice(from, from + 3))
      } catch (error) {
        if (!(error instanceof Crash)) throw error
        crashed = true
      }
    a.hooks.beforeStep = () => {}
    const again = importRecords(a.disk, a.open, stick)
    expect(again.refused).toBe(0)
    expect(importRecords(a.disk, a.open, stick)).toMatchObject({ changed: 0, refused: 0 })
    await site.settle()
    agree(site.digests())
    if (!crashed) break
    expect(at).toBeLessThan(500)
  }
})
