import { describe, expect, test } from "bun:test"
import { createScaler, type ScaleDecision, type ScaleView } from "../../app/inference/scale.ts"

const limits = { enginesMin: 1, enginesMax: 3, growWaitMs: 100, idleMs: 10_000 }
const gigabyte = 1_000_000_000
const quiet = { engines: 1, ready: 1, busyMax: 0, waitMs: 0, memoryFreeBytes: 4 * gigabyte, engineBytes: 0.3 * gigabyte }

/** A scaler that is asked once a second; `ask` gives what was decided on each of so many seconds. */
function started(given: Partial<typeof limits> = {}) {
  const scaler = createScaler({ ...limits, ...given })
  let tickMs = 0
  return (seconds: number, view: Partial<ScaleView>): ScaleDecision[] =>
    Array.from({ length: seconds }, () => {
      tickMs += 1000
      return scaler.step({ ...quiet, tickMs, ...view })
    })
}

const kinds = (decisions: readonly ScaleDecision[]) => decisions.map(({ kind }) => kind)
const busy = { waitMs: 300, busyMax: 1 }

describe("an engine is added", () => {
  test("when work has kept waiting for seconds, and says so", () => {
    const ask = started()
    const decisions = ask(4, busy)
    expect(kinds(decisions)).toEqual(["stay", "stay", "stay", "grow"])
    expect(decisions[3]).toMatchObject({ reason: "wait", why: expect.stringContaining("100 ms, lately 300 ms") })
  })

  test("not for a burst, nor for waits within what is allowed", () => {
    const ask = started()
    for (let burst = 0; burst < 5; burst++) expect(kinds([...ask(3, busy), ...ask(1, { busyMax: 1 })])).not.toContain("grow")
    expect(kinds(ask(60, { waitMs: 99, busyMax: 1 }))).not.toContain("grow")
  })

  test("not beyond the most there may be", () => {
    expect(kinds(started()(60, { ...busy, engines: 3, ready: 3, busyMax: 3 }))).not.toContain("grow")
  })

  test("not while one is still loading or is down, and not before the last one could show its effect", () => {
    const ask = started()
    expect(kinds(ask(30, { ...busy, engines: 2, ready: 1 }))).not.toContain("grow")
    const two = { ...busy, engines: 2, ready: 2, busyMax: 2 }
    expect(kinds(ask(10, two)).filter((kind) => kind === "grow").length).toBe(2)
  })

  test("not where it would not fit into memory, and the reason names the figures", () => {
    const decisions = started()(10, { ...busy, memoryFreeBytes: 0.7 * gigabyte })
    expect(kinds(decisions)).not.toContain("grow")
    expect(decisions.at(-1)).toEqual({ kind: "stay", why: expect.stringMatching(/700 MB .* free .* needs 837 MB/) })
  })
})

describe("an engine is retired", () => {
  const two = { engines: 2, ready: 2 }

  test("when fewer worked at once for long enough", () => {
    const ask = started()
    const decisions = ask(11, { ...two, busyMax: 1 })
    expect(kinds(decisions).indexOf("retire")).toBe(10)
    expect(decisions[10]).toMatchObject({ reason: "idle", why: expect.stringContaining("no more than 1") })
  })

  test("not when all were needed once in a while", () => {
    const ask = started()
    for (let round = 0; round < 5; round++)
      expect(kinds([...ask(9, { ...two, busyMax: 1 }), ...ask(1, { ...two, busyMax: 2 })])).not.toContain("retire")
  })

  test("never the last of those there must be, not even for want of memory", () => {
    expect(kinds(started()(100, { memoryFreeBytes: 0 }))).not.toContain("retire")
    expect(kinds(started({ enginesMin: 2 })(100, two))).not.toContain("retire")
  })

  test("at once when memory runs out", () => {
    expect(started()(1, { ...two, busyMax: 2, memoryFreeBytes: 0.1 * gigabyte })).toEqual([
      { kind: "retire", reason: "memory", why: "100 MB of memory are free" },
    ])
  })
})
