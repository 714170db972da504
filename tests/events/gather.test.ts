import { expect, test } from "bun:test"
import { openSightings } from "../../app/events/sightings.ts"
import { openMemory, seen } from "./support.ts"

/** What was seen, over a real database whose commits are counted. */
async function opened(commitEveryMs: number) {
  const memory = await openMemory()
  let commits = 0
  const store: typeof memory.store = {
    ...memory.store,
    transact: (body) => {
      commits++
      return memory.store.transact(body)
    },
  }
  const sightings = openSightings(store, memory.vault, memory.gallery.nameOf, { commitEveryMs })
  return { ...memory, sightings, commits: () => commits, [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose]() }
}

test("who comes after a quiet time is written at once, and those of the next moment together", async () => {
  await using box = await opened(200)
  const { sightings, commits } = box
  const first = sightings.recordSoon(seen({ camera: "first" }))
  expect([sightings.totals().sightings, commits()]).toEqual([1, 1])
  const others = ["second", "third", "fourth"].map((camera) => sightings.recordSoon(seen({ camera })))
  expect([sightings.totals().sightings, commits()]).toEqual([1, 1])

  let heard = 0
  sightings.follow(() => heard++)
  const recorded = await Promise.all([first, ...others])
  expect(commits()).toBe(2)
  expect(recorded.map((each) => each.kind === "recorded" && sightings.get(each.sighting.id)?.camera)).toEqual([
    ...["first", "second", "third", "fourth"],
  ])
  expect(recorded.map((each) => each.kind === "recorded" && each.sighting.number)).toEqual([1, 2, 3, 4])
  expect(heard).toBe(3)
})

test("told to wait for nobody, each is written by itself before anything else happens", async () => {
  await using box = await opened(0)
  const { sightings, commits } = box
  const soon = [sightings.recordSoon(seen()), sightings.recordSoon(seen())]
  expect([sightings.totals().sightings, commits()]).toEqual([2, 2])
  await Promise.all(soon)
})

test("so many that wait are written before their time", async () => {
  await using box = await opened(10_000)
  const soon = Array.from({ length: 33 }, () => box.sightings.recordSoon(seen()))
  expect([box.sightings.totals().sightings, box.commits()]).toEqual([33, 2])
  await Promise.all(soon)
})

test("where the disk does not take them together, each is told what became of it", async () => {
  await using box = await opened(0)
  const { store, sightings } = box
  sightings.record(seen())
  const pages = store.prepare<{ page_count: number }>("pragma page_count").get()?.page_count ?? 0
  store.prepare(`pragma max_page_count = ${pages + 20}`).get()
  const recorded = sightings.recordAll([seen(), seen({ snapshot: new Uint8Array(500_000) }), seen()])
  expect(recorded.map(({ kind }) => kind)).toEqual(["recorded", "not_recorded", "recorded"])
  expect(recorded[1]).toMatchObject({ why: expect.stringContaining("full") })
  expect(sightings.totals().sightings).toBe(3)
})
