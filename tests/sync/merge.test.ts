import { describe, expect, test } from "bun:test"
import { createRandom, shuffled } from "../../app/base/random.ts"
import { above, entityOf, idsOf, isBelow } from "../../app/sync/entity.ts"
import { type Version, wins } from "../../app/sync/merge.ts"
import { isFromTheFuture, nextStamp, stampAcceptedMax, stampMax } from "../../app/sync/stamp.ts"
import { boxA, boxB, entity, originOf, version } from "./support.ts"

const day = 24 * 3600 * 1000
const now = 1_760_000_000_000

describe("which version replaces which", () => {
  const versions: readonly Version[] = (["put", "del", "erase"] as const).flatMap((kind, kindIndex) =>
    [now, now + 1].flatMap((ms) =>
      [originOf(boxA), originOf(boxB), originOf(boxA, 2)].flatMap((origin) =>
        [1 + kindIndex * 2, 2 + kindIndex * 2].map((sequence) => version({ kind, stamp: ms * 1024, origin, sequence })),
      ),
    ),
  )

  test("is a total order: of two versions exactly one wins, and in circles nobody does", () => {
    for (const a of versions)
      for (const b of versions) {
        expect(Number(wins(a, b)) + Number(wins(b, a))).toBe(a === b ? 0 : 1)
        for (const c of versions) if (wins(a, b) && wins(b, c)) expect(wins(a, c)).toBe(true)
      }
  })

  test("does not depend on the order in which they come, nor on how often", () => {
    const random = createRandom(5)
    const ends = new Set(
      Array.from({ length: 200 }, () =>
        shuffled([...versions, ...versions], random).reduce((held, next) => (wins(next, held) ? next : held)),
      ),
    )
    expect(ends.size).toBe(1)
  })

  test("an erasure absorbs, however late the other is; of two the first stays", () => {
    const erased = version({ kind: "erase", stamp: now * 1024 })
    expect(wins(version({ stamp: (now + 400 * day) * 1024 }), erased)).toBe(false)
    expect(wins(erased, version({ stamp: (now + 400 * day) * 1024 }))).toBe(true)
    expect(wins(version({ kind: "erase", stamp: (now + 1) * 1024 }), erased)).toBe(false)
  })

  test("a deletion is a version like any other: what is written later is there again", () => {
    const deleted = version({ kind: "del", stamp: now * 1024 })
    expect(wins(version({ stamp: now * 1024 + 1 }), deleted)).toBe(true)
    expect(wins(version({ stamp: now * 1024 - 1 }), deleted)).toBe(false)
  })
})

describe("stamps", () => {
  test("who has seen a version writes above it, whatever the two clocks say", () => {
    let stamp = nextStamp(now + 400 * day, undefined)
    for (const clock of [now - 400 * day, now + 400 * day, Number.NaN, -1, 0, now, Number.MAX_VALUE, now]) {
      const next = nextStamp(clock || 0, stamp)
      expect(next).toBeGreaterThan(stamp)
      stamp = next
    }
    expect(Number.isSafeInteger(stamp)).toBe(true)
    expect(stamp).toBeLessThan(stampAcceptedMax)
  })

  test("one wrong clock reaches no other entity", () => {
    nextStamp(now + 400 * day, undefined)
    expect(nextStamp(now, undefined)).toBe(now * 1024)
  })

  test("there is always room above what is accepted", () => {
    expect(nextStamp(now, stampAcceptedMax)).toBeLessThan(stampMax)
    expect(isFromTheFuture((now + 2 * day) * 1024, now)).toBe(true)
    expect(isFromTheFuture((now + day / 2) * 1024, now)).toBe(false)
  })
})

describe("paths", () => {
  test("are made of ids and give them back", () => {
    const [person, face] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()]
    expect(idsOf(entityOf(person, face)!)).toEqual([person, face])
    expect(entityOf()).toBeUndefined()
    expect(entityOf("x")).toBeUndefined()
    expect(entityOf(person, face, face, face)).toBeUndefined()
  })

  test("know what lies above and below", () => {
    expect(above(entity(1, 2, 3))).toEqual([entity(1, 2), entity(1)])
    expect(above(entity(1))).toEqual([])
    expect(isBelow(entity(1), entity(1, 2, 3))).toBe(true)
    expect(isBelow(entity(1, 2), entity(1, 2, 3))).toBe(true)
    expect(isBelow(entity(1), entity(1))).toBe(false)
    expect(isBelow(entity(1, 2), entity(1, 3))).toBe(false)
    expect(isBelow(entity(1, 2), entity(1))).toBe(false)
  })
})
