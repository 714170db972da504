import { expect, test } from "bun:test"
import type { Live, LiveEvent, LiveFilter } from "../../app/events/live.ts"
import { face, openLive, openMemory, record } from "./support.ts"

/** A listener in a test's hands: `next()` is a connection with room for one more event. */
function listenTo(live: Live<string>, filter: LiveFilter = {}, afterNumber?: number) {
  const leaving = new AbortController()
  const listening = live.listen(filter, afterNumber, leaving.signal)
  if (listening.kind === "full") throw new Error(listening.why)
  const source = listening.events[Symbol.asyncIterator]()
  const next = async () => (await source.next()).value as LiveEvent<string> | undefined
  return {
    next,
    leave: () => leaving.abort(),
    /** The numbers of the next `count` sightings, everything else thrown on the way. */
    async numbers(count: number): Promise<number[]> {
      const numbers: number[] = []
      while (numbers.length < count) {
        const event = await next()
        if (event?.event !== "sighting") throw new Error(`not a sighting: ${JSON.stringify(event)}`)
        expect(event.id).toBe(String(event.data.number))
        numbers.push(event.data.number)
      }
      return numbers
    },
  }
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i)

test("a listener hears what is recorded from now on, and is told where it stands", async () => {
  await using memory = await openMemory()
  const { live } = openLive(memory.sightings)
  record(memory.sightings)
  const listener = listenTo(live)
  expect(await listener.next()).toEqual({ event: "listening", id: "1", data: { number: 1 } })
  const sighting = record(memory.sightings)
  expect(await listener.next()).toEqual({ event: "sighting", id: "2", data: sighting })
})

test("filters hold for what is live and for what is caught up on", async () => {
  await using memory = await openMemory()
  const { gallery, sightings } = memory
  const { live } = openLive(sightings)
  const subjectId = gallery.createSubject("Ada").id
  const recordFour = () => {
    for (const camera of ["front", "back"])
      for (const faces of [[face()], [face({ decision: "match", subjectId })]]) record(sightings, { camera, faces })
  }
  recordFour()
  const front = listenTo(live, { camera: "front" }, 0)
  const ada = listenTo(live, { subjectId }, 0)
  const adaAtTheBack = listenTo(live, { camera: "back", subjectId })
  for (const listener of [front, ada, adaAtTheBack]) await listener.next()
  const numbers = [front.numbers(4), ada.numbers(4)]
  recordFour()
  live.refined({ requestId: "r", camera: "back", subjectIds: [subjectId], answer: "both" })
  live.refined({ requestId: "r", subjectIds: [], answer: "of no camera" })
  expect(await Promise.all(numbers)).toEqual([
    [1, 2, 5, 6],
    [2, 4, 6, 8],
  ])
  expect(await adaAtTheBack.numbers(1)).toEqual([8])
  expect(await adaAtTheBack.next()).toEqual({ event: "refined", data: "both" })
})

test("catching up and going live leave no gap and no duplicate, whatever is recorded in between", async () => {
  await using memory = await openMemory()
  const { sightings } = memory
  const { live } = openLive(sightings, { listenerBufferMax: 1000 })
  for (let n = 0; n < 250; n++) record(sightings)
  // Each listener rests at its own moments, so that recordings fall into every step of its catching up.
  const listening = [1, 7, 30, 100].map(async (restEvery) => {
    const listener = listenTo(live, {}, 0)
    await listener.next()
    const numbers: number[] = []
    while (numbers.length < 400) {
      numbers.push(...(await listener.numbers(1)))
      if (numbers.length % restEvery === 0) await new Promise((resume) => setImmediate(resume))
    }
    return numbers
  })
  while (sightings.newestNumber() < 400) {
    record(sightings)
    await new Promise((resume) => setImmediate(resume))
  }
  for (const numbers of await Promise.all(listening)) expect(numbers).toEqual(upTo(400))
})

test.each([
  ["at once", queueMicrotask],
  ["a turn later", setImmediate],
])("a sighting recorded right after the page that came back empty, %s, is told once", async (_when, later) => {
  await using memory = await openMemory()
  const { sightings } = memory
  const { live } = openLive({
    ...sightings,
    recordedAfter: (number, limit) => {
      const page = sightings.recordedAfter(number, limit)
      if (page.length === 0) later(() => void record(sightings))
      return page
    },
  })
  record(sightings)
  const listener = listenTo(live, {}, 0)
  await listener.next()
  expect(await listener.numbers(2)).toEqual([1, 2])
  record(sightings)
  expect(await listener.numbers(1)).toEqual([3])
})

test("a slow listener loses its oldest and is told how many; the others lose nothing", async () => {
  await using memory = await openMemory()
  const { sightings } = memory
  const { live, metrics } = openLive(sightings, { listenerBufferMax: 4 })
  const [slow, quick] = [listenTo(live), listenTo(live)]
  for (const listener of [slow, quick]) await listener.next()
  for (let n = 1; n <= 10; n++) {
    record(sightings)
    expect(await quick.numbers(1)).toEqual([n])
  }
  expect(await slow.next()).toEqual({ event: "lost", data: { reason: "slow", count: 6 } })
  expect(await slow.numbers(4)).toEqual([7, 8, 9, 10])
  expect(await metrics.registry.metrics()).toContain("gatehouse_lost_events_total 6")

  // What it lost live is still in the database.
  const again = listenTo(live, {}, 0)
  await again.next()
  expect(await again.numbers(10)).toEqual(upTo(10))
})

test("whoever catches up is told what has left the box in between", async () => {
  await using memory = await openMemory()
  const { sightings } = memory
  const { live } = openLive(sightings)
  const ids = upTo(5).map(() => record(sightings).id)
  for (const id of ids.slice(0, 3)) sightings.delete(id)
  const listener = listenTo(live, {}, 1)
  await listener.next()
  expect(await listener.next()).toEqual({ event: "lost", data: { reason: "deleted", count: 2 } })
  expect(await listener.numbers(2)).toEqual([4, 5])
})

test("a position from another database is said to be none, and the listener goes on from now", async () => {
  await using memory = await openMemory()
  const { sightings } = memory
  const { live } = openLive(sightings)
  record(sightings)
  const listener = listenTo(live, {}, 900)
  expect(await listener.next()).toEqual({ event: "listening", id: "1", data: { number: 1 } })
  expect(await listener.next()).toEqual({ event: "lost", data: { reason: "unknown_position" } })
  record(sightings)
  expect(await listener.numbers(1)).toEqual([2])
})

test("as many listen as may; one that leaves makes room, also one that never listened", async () => {
  await using memory = await openMemory()
  const { live } = openLive(memory.sightings, { listenersMax: 2 })
  const listeners = [listenTo(live), listenTo(live)]
  const { signal } = new AbortController()
  expect(live.listen({}, undefined, signal)).toMatchObject({ kind: "full", retryAfterS: 5 })
  listeners[0]?.leave()
  expect(live.listeners()).toBe(1)
  live.listen({}, undefined, AbortSignal.abort())
  expect(live.listeners()).toBe(1)
  listenTo(live)
  expect(live.listen({}, undefined, signal).kind).toBe("full")
})

test("closing ends every listener, those that wait and those that catch up", async () => {
  await using memory = await openMemory()
  const { live } = openLive(memory.sightings)
  for (let n = 0; n < 3; n++) record(memory.sightings)
  const [waiting, catchingUp] = [listenTo(live), listenTo(live, {}, 0)]
  for (const listener of [waiting, catchingUp]) await listener.next()
  const last = waiting.next()
  await catchingUp.numbers(3)
  live.close()
  expect(await last).toBeUndefined()
  expect(await catchingUp.next()).toBeUndefined()
  expect(live.listen({}, undefined, new AbortController().signal).kind).toBe("full")
})
