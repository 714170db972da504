import { expect, test } from "bun:test"
import type { Result } from "../../../app/base/result.ts"
import { StorageTrouble } from "../../../app/base/storage-trouble.ts"
import type { Errand } from "../../../app/sync/link/errand.ts"
import { createTestSite } from "../site.ts"
import { entity } from "../support.ts"
import { createLines, openLink, until } from "./support.ts"

const [nameA, nameB] = ["0a0a0a0a", "0b0b0b0b"]

function okOf<Value>(result: Result<Value>): Value {
  if (result.kind === "failed") throw new Error(result.why)
  return result.value
}

function twoBoxes() {
  const site = createTestSite([nameA, nameB])
  const [a, b] = site.boxes as [(typeof site.boxes)[number], (typeof site.boxes)[number]]
  return { site, a, b, lines: createLines() }
}

test("what one box enrols the other holds at once, without anybody asking", async () => {
  const { a, b, lines } = twoBoxes()
  await using linkA = openLink(a, lines)
  await using linkB = openLink(b, lines)
  await until("both connected", () => [linkA, linkB].every((link) => link.status().state === "connected"))
  a.enrol(1, 3)
  linkA.nudge()
  await until("b holds them", () => b.digest().length === 3)
  expect(b.digest()).toEqual(a.digest())
  expect(linkA.status().counts.stored).toBe(3)
  expect(linkB.status().counts.applied).toBe(3)
  expect(linkB.status().lag).toEqual({ records: 0, seconds: 0 })
})

test("a box does not begin a round because of what it wrote itself", async () => {
  const { a, lines } = twoBoxes()
  await using link = openLink(a, lines)
  await until("connected", () => link.status().state === "connected")
  a.enrol(1, 20)
  link.nudge()
  await until("stored", () => link.status().counts.stored === 20)
  const { rounds } = link.status().counts
  await Bun.sleep(100)
  expect(link.status().counts.rounds).toBe(rounds)
})

test("after a cut the box listens and verifies anew; what was lost goes up again", async () => {
  const { site, a, lines } = twoBoxes()
  await using link = openLink(a, lines)
  a.enrol(1, 5)
  link.nudge()
  await until("stored", () => link.status().counts.stored === 5)
  lines.cut()
  link.nudge()
  await until("noticed", () => link.status().state === "connecting")
  expect(link.status().why).toMatch(/cut|broke/)
  expect(link.status().lag.seconds).toBeGreaterThan(0)
  site.hub.rollBack(3)
  lines.mend()
  await until("connected again", () => link.status().counts.offeredAgain === 3)
  expect(lines.state).toMatchObject({ opened: 1, listened: 2 })
  await site.settle()
  const [hub, ...boxes] = site.digests()
  for (const digest of boxes) expect(digest).toEqual(hub!)
})

test("a hub that is not there is named, once for each reason, and tried again", async () => {
  const { a, lines } = twoBoxes()
  const warnings: string[] = []
  const whys = ["nothing listens", "nothing listens", "the hub does not know this box's key"]
  const connect = () => {
    const why = whys.shift()
    return why === undefined ? lines.connect(a) : Promise.resolve({ kind: "failed", why } as const)
  }
  await using link = openLink(a, lines, { connect, warnings })
  expect(link.status().state).toBe("connecting")
  await until("connected", () => link.status().state === "connected")
  expect(warnings).toEqual(['{"why":"nothing listens"}', `{"why":"the hub does not know this box's key"}`])
  expect(link.status().why).toBeUndefined()
})

test("a hub that fails over a line that stands is opened anew", async () => {
  const { a, lines } = twoBoxes()
  let failures = 0
  await using link = openLink(a, lines, {
    connect: async () => {
      const hub = okOf(await lines.connect(a))
      const isOld = lines.state.opened === 1
      const down = { kind: "unreachable", why: "the hub has no stream of this site" } as const
      const newestMarker: typeof hub.newestMarker = (stream) => {
        if (!isOld) return hub.newestMarker(stream)
        failures++
        // Each failure a new line, so that the test need not wait.
        lines.state.generation++
        return Promise.resolve(down)
      }
      return { kind: "ok", value: { ...hub, newestMarker } }
    },
  })
  await until("connected by the second", () => link.status().state === "connected")
  expect([failures, lines.state.opened]).toEqual([12, 2])
})

test("a shrunken gallery stops the talk, and the reason is told", async () => {
  const { a, b, lines } = twoBoxes()
  a.enrol(1, 30)
  await using linkA = openLink(a, lines)
  await until("stored", () => linkA.status().counts.stored === 30)
  // The rows are there, and what they tell of is not.
  const transact: typeof b.needs.box.transact = (body) =>
    b.needs.box.transact((tables) => body({ ...tables, counts: () => ({ expected: 30, present: 3 }) }))
  const warnings: string[] = []
  await using linkB = openLink({ ...b, needs: { ...b.needs, box: { ...b.needs.box, transact } as never } }, lines, { warnings })
  await until("stopped", () => linkB.status().state === "stopped")
  expect(linkB.status().why).toContain("3 entries of 30")
  expect(warnings.join()).toContain("3 entries of 30")
  expect(b.digest()).toEqual([])
})

test("an errand runs when its stream has news, first ones before the round, and is told when it fails", async () => {
  const { a, b, lines } = twoBoxes()
  const done: string[] = []
  const warnings: string[] = []
  const run = (name: string) => () => {
    done.push(name)
    return Promise.resolve({ kind: "done" } as const)
  }
  const errands = [
    { name: "first", everyMs: 3_600_000, stream: "erasures" as const, when: "before" as const, run: run("first") },
    { name: "last", everyMs: 3_600_000, when: "after" as const, run: run("last") },
    {
      name: "failing",
      when: "after" as const,
      everyMs: 20,
      run: () => Promise.resolve({ kind: "failed", why: "no more room" } as const),
    },
  ]
  await using linkA = openLink(a, lines, { errands, warnings })
  await until("both ran", () => done.length === 2)
  expect(done).toEqual(["first", "last"])
  b.write("erase", entity(9))
  await using _linkB = openLink(b, lines)
  await until("heard of the erasure", () => done.length === 3)
  expect(done.at(-1)).toBe("first")
  await until("a failed one is tried again", () => linkA.status().counts.rounds > 4)
  expect(warnings.filter((text) => text.includes("no more room"))).toHaveLength(1)
})

test("what an errand's stream tells while the errand runs makes it run once more", async () => {
  const { a, b, lines } = twoBoxes()
  const hubB = (await lines.connect(b)).value
  let runs = 0
  const run = async () => {
    // It has read by now, and is still busy with something else.
    if (++runs === 1) await hubB.write("announcements", "0b0b0b0b.01", new Uint8Array(8), 0)
    return { kind: "done" } as const
  }
  const errand = { name: "board", everyMs: 3_600_000, stream: "announcements", when: "before", run } as const
  await using _link = openLink(a, lines, { errands: [errand] })
  await until("it ran once more", () => runs === 2)
})

test("an errand that gets no answer any more does not hold up the rounds; one that never had one does", async () => {
  const { a, b, lines } = twoBoxes()
  await using _linkB = openLink(b, lines)
  let isAnswered = false
  const errand: Errand = {
    name: "board",
    everyMs: 1,
    when: "before",
    run: () => Promise.resolve(isAnswered ? { kind: "done" } : { kind: "unreachable", why: "no leader" }),
  }
  const warnings: string[] = []
  await using link = openLink(a, lines, { errands: [errand], warnings })
  a.enrol(1, 1)
  await until("it was tried", () => link.status().why === "no leader")
  expect(link.status().counts.rounds).toBe(0)
  isAnswered = true
  await until("stored", () => link.status().counts.stored === 1)
  isAnswered = false
  await until("it is told", () => warnings.some((text) => text.includes("board")))
  a.enrol(2, 1)
  link.nudge()
  await until("stored, too", () => link.status().counts.stored === 2)
  expect(link.status().state).toBe("connected")
})

test("without an answer of an errand that comes before the rounds there is none, also when the box's own disk ended it", async () => {
  const { a, lines } = twoBoxes()
  const seen: number[] = []
  let runs = 0
  const errand: Errand = {
    name: "board",
    everyMs: 3_600_000,
    when: "before",
    async run() {
      seen.push(link.status().counts.rounds)
      if (++runs === 1) throw new StorageTrouble("the disk is full", new Error("full"))
      return { kind: "done" }
    },
  }
  await using link = openLink(a, lines, { errands: [errand] })
  await until("a round", () => link.status().counts.rounds > 0)
  expect(seen).toEqual([0, 0])
})

test("what the hub told of is read by the round after one that the box's own disk ended", async () => {
  const { a, b, lines } = twoBoxes()
  await using linkB = openLink(b, lines)
  let fails = 0
  const transact: typeof a.needs.box.transact = (body) =>
    a.needs.box.transact((tables) => {
      if (fails > 0 && tables.position("records") >= 0) {
        fails--
        throw new StorageTrouble("the disk is full", new Error("full"))
      }
      return body(tables)
    })
  const broken = { ...a, needs: { ...a.needs, box: { ...a.needs.box, transact } as never } }
  await using linkA = openLink(broken, lines)
  await until("both connected", () => [linkA, linkB].every((link) => link.status().state === "connected"))
  fails = 1
  b.enrol(1, 1)
  linkB.nudge()
  await until("a holds it", () => a.digest().length === 1)
  expect(fails).toBe(0)
})

test("what an errand wants read again is read by the round after it, whatever the hub told of", async () => {
  const { a, b, lines } = twoBoxes()
  b.enrol(1, 3)
  await b.round()
  let isDue = false
  const errand: Errand = {
    name: "board",
    everyMs: 5,
    when: "before",
    run() {
      const readsAgain = isDue
      if (isDue) a.disk.transact((tables) => tables.setPosition("records", 0))
      isDue = false
      return Promise.resolve({ kind: "done", readsAgain })
    },
  }
  await using link = openLink(a, lines, { errands: [errand] })
  await until("it has read", () => link.status().counts.applied === 3)
  const position = () => a.disk.transact((tables) => tables.position("records"))
  const before = position()
  isDue = true
  await until("it was moved back", () => !isDue)
  await until("it was read again", () => position() === before)
})

test("closing ends a talk in the middle of an answer that never comes", async () => {
  const { a, lines } = twoBoxes()
  const never = Promise.withResolvers<never>()
  const link = openLink(a, lines, {
    connect: async () => ({ kind: "ok", value: { ...okOf(await lines.connect(a)), newestMarker: () => never.promise } }),
  })
  await Bun.sleep(10)
  await link.close()
  expect(link.status().state).toBe("connecting")
})
