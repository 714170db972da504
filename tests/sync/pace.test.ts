import { expect, test } from "bun:test"
import { createPace } from "../../app/sync/pace.ts"

function open(perSecondMax: number | undefined) {
  let nowMs = 5000
  const pace = createPace(perSecondMax, {
    nowTickMs: () => nowMs,
    sleepMs: async (ms) => {
      nowMs += ms
    },
  })
  return { pace, nowMs: () => nowMs, later: (ms: number) => (nowMs += ms) }
}

test("ten thousand records take as long as the limit says, in pages of any size", async () => {
  for (const page of [1, 77, 500, 5000]) {
    const { pace, nowMs } = open(2000)
    for (let records = 0; records < 10_000; records += page) await pace(page)
    expect((nowMs() - 5000) / 1000).toBeGreaterThanOrEqual(5)
    expect((nowMs() - 5000) / 1000).toBeLessThan(5.1)
  }
})

test("a pause is worth a second at most", async () => {
  const { pace, nowMs, later } = open(2000)
  later(60_000)
  await pace(2000)
  expect(nowMs()).toBe(65_000)
  await pace(2000)
  expect(nowMs()).toBe(66_000)
})

test("without a limit nobody waits", async () => {
  const { pace, nowMs } = open(undefined)
  await pace(1e9)
  expect(nowMs()).toBe(5000)
})
