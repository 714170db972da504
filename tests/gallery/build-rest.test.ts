import { expect, test } from "bun:test"
import { buildRestMs, buildWaitingMax, buildWaitMsMax, createBuildRest } from "../../app/gallery/build-rest.ts"

/** Time that passes when it is told to. */
function createClock() {
  let now = 5000
  let timers: { atMs: number; look: () => void }[] = []
  return {
    nowTickMs: () => now,
    after(ms: number, look: () => void) {
      const timer = { atMs: now + ms, look }
      timers.push(timer)
      return () => {
        timers = timers.filter((one) => one !== timer)
      }
    },
    pass(ms: number) {
      for (const end = now + ms; ; ) {
        const [next] = timers.filter(({ atMs }) => atMs <= end).toSorted((a, b) => a.atMs - b.atMs)
        now = next?.atMs ?? end
        if (next === undefined) return
        timers = timers.filter((one) => one !== next)
        next.look()
      }
    },
    waiting: () => timers.length,
  }
}

function resting() {
  const clock = createClock()
  const builtAtMs: number[] = []
  const startMs = clock.nowTickMs()
  const rest = createBuildRest(() => builtAtMs.push(clock.nowTickMs() - startMs), clock)
  /** Something comes every so often. */
  const come = (times: number, everyMs: number, waiting: (i: number) => number) => {
    for (let i = 0; i < times; i++) {
      rest.changed(waiting(i))
      clock.pass(everyMs)
    }
  }
  return { clock, rest, builtAtMs, come }
}

test("a burst is one step of building, after it is over", () => {
  const { clock, builtAtMs, come } = resting()
  come(100, 50, (i) => i)
  expect(builtAtMs).toEqual([])
  clock.pass(60_000)
  // The last came after 99 pauses.
  expect(builtAtMs).toEqual([99 * 50 + buildRestMs])
  expect(clock.waiting()).toBe(0)
})

test("what never ends is built into the graph all the same, each time the first has waited long enough", () => {
  const { builtAtMs, come } = resting()
  come(200, 500, () => 10)
  expect(builtAtMs).toEqual([buildWaitMsMax, 2 * buildWaitMsMax, 3 * buildWaitMsMax])
})

test("so many that a search would feel them are not waited for", () => {
  const { builtAtMs, come } = resting()
  come(20, 100, (i) => (i < 12 ? buildWaitingMax - 1 : buildWaitingMax))
  // The first look after the rest finds that one has come; the next one that too many wait.
  expect(builtAtMs[0]).toBeLessThanOrEqual(12 * 100 + buildRestMs)
  const few = resting()
  few.come(20, 100, () => buildWaitingMax - 1)
  expect(few.builtAtMs).toEqual([])
})

test("more of the same comes after the rest; closed, nothing comes", () => {
  const { clock, rest, builtAtMs } = resting()
  rest.again()
  rest.again()
  clock.pass(10_000)
  expect(builtAtMs).toEqual([buildRestMs])
  rest.changed(1)
  rest.close()
  clock.pass(100_000)
  expect(builtAtMs).toEqual([buildRestMs])
})
