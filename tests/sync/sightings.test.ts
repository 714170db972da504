import { expect, test } from "bun:test"
import type { Hub } from "../../app/sync/hub.ts"
import type { Origin } from "../../app/sync/merge.ts"
import { encodeBatch, parseBatch, pushSightings, type Sighting } from "../../app/sync/sightings.ts"
import { createHub } from "../sim/hub.ts"
import { boxA, originOf, utf8Of } from "./support.ts"

const origin = originOf(boxA)
const sightings = (from: number, count: number): Sighting[] =>
  Array.from({ length: count }, (_, i) => ({ number: from + i, bytes: utf8Of(`sighting ${from + i}`) }))

/** A box with these rows, at a hub of which every nth answer is lost. */
function open(rows: Sighting[], loseEvery = 0) {
  const hub = createHub()
  const stored: number[] = []
  let calls = 0
  const line = {
    latest: async (stream, key) => hub.latest(stream, key),
    write: async (...asked) => {
      const answer = hub.write(...asked)
      return loseEvery > 0 && ++calls % loseEvery === 0 ? { kind: "unreachable", why: "lost" } : answer
    },
  } as Pick<Hub, "latest" | "write"> as Hub
  return {
    hub,
    stored,
    push: () =>
      pushSightings({
        hub: line,
        batchMax: 4,
        rows: {
          origins: () => [origin],
          after: (_origin: Origin, number: number, limit: number) => rows.filter((row) => row.number > number).slice(0, limit),
          setStored: (_origin: Origin, number: number) => void stored.push(number),
        },
      }),
    held: () => hub.all("sightings", origin).flatMap(({ bytes }) => (parseBatch(bytes) ?? []).map(({ number }) => number)),
  }
}

test("each is stored once, whichever answers are lost", async () => {
  for (const loseEvery of [0, 1, 2, 3]) {
    const box = open(sightings(1, 18), loseEvery)
    for (let tries = 0; tries < 20 && (await box.push()).kind !== "pushed"; tries++);
    expect(box.held()).toEqual(sightings(1, 18).map(({ number }) => number))
    expect(box.stored.at(-1)).toBe(18)
  }
})

test("those that a hub has lost go up again, and dropped ones leave a gap", async () => {
  const rows = [...sightings(1, 10), ...sightings(14, 5)]
  const box = open(rows)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 15 })
  box.hub.rollBack(2)
  expect(box.held().at(-1)).toBe(8)
  expect(await box.push()).toEqual({ kind: "pushed", stored: 7 })
  expect(box.held()).toEqual(rows.map(({ number }) => number))
})

test("what lies in their place is not written over", async () => {
  const box = open(sightings(1, 3))
  box.hub.write("sightings", origin, utf8Of("no batch"), 0)
  expect(await box.push()).toMatchObject({ kind: "stopped" })
})

test("a batch that is cut, or has nothing in it, is none", () => {
  const batch = encodeBatch(sightings(1, 3))
  expect(parseBatch(batch)).toHaveLength(3)
  for (let length = 0; length < batch.length; length++) expect(parseBatch(batch.subarray(0, length))).toBeUndefined()
  expect(parseBatch(encodeBatch([]))).toBeUndefined()
})
