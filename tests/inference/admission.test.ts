import { describe, expect, test } from "bun:test"
import { createMetrics } from "../../app/base/metrics.ts"
import { nowTickMs } from "../../app/base/ticks.ts"
import { openAdmission } from "../../app/inference/admission.ts"
import type { Answer } from "../../app/inference/answer.ts"
import type { Work } from "../../app/inference/work.ts"

const options = { faceWidthPxMin: 48, facesMax: 10, embed: "all" } as const

function work(budgetMs: number, more: Partial<Work> = {}): Work {
  return { picture: new Uint8Array(1), options, deadlineTickMs: nowTickMs() + budgetMs, ...more }
}

function opened(waitingMax = 8, engines = 2, atOnce = engines) {
  const metrics = createMetrics()
  const admission = openAdmission({ waitingMax, engines: () => engines, atOnce: () => atOnce, runMs: () => 500, metrics })
  const refused = async (reason: string) =>
    Number(
      new RegExp(`gatehouse_refused_total\\{reason="${reason}"\\} (\\d+)`).exec(
        await metrics.registry.getSingleMetricAsString("gatehouse_refused_total"),
      )?.[1] ?? 0,
    )
  return { ...admission, admission, metrics, refused }
}

const done: Answer = { kind: "refused", reason: "bad_image", why: "done" }

/** The beginning of a PNG of 4000 × 4000 pixels: all that is looked at to guess what it costs. */
const heavy = new Uint8Array([
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, ...Buffer.from("IHDR")],
  ...[0, 0, 0x0f, 0xa0, 0, 0, 0x0f, 0xa0, 8, 2, 0, 0, 0, 0, 0, 0, 0],
])

describe("pictures many times as large as a camera's", () => {
  test("leave an engine to the others", () => {
    const { admission } = opened(8, 3)
    for (const picture of [heavy, heavy, heavy]) void admission.submit(work(5000, { picture }))
    const [first, second] = [admission.take(), admission.take()]
    expect([first?.work.picture, second?.work.picture]).toEqual([heavy, heavy])
    expect(admission.take()).toBeUndefined()
    const door = work(5000)
    void admission.submit(door)
    expect(admission.take()?.work).toBe(door)
    first?.settle(done)
    expect(admission.take()?.work.picture).toBe(heavy)
    expect(admission.waiting).toBe(0)
  })

  test("are taken by the only engine", () => {
    const { admission } = opened(8, 1)
    void admission.submit(work(5000, { picture: heavy }))
    expect(admission.take()?.work.picture).toBe(heavy)
  })
})

describe("what becomes of work", () => {
  test("who took it answers it", async () => {
    const { admission } = opened()
    const asked = work(5000)
    const answer = admission.submit(asked)
    const taken = admission.take()
    expect(taken).toMatchObject({ work: asked, options, degraded: [] })
    taken?.settle(done)
    expect(await answer).toEqual(done)
    expect(admission.take()).toBeUndefined()
  })

  test("late work is answered as soon as it is late, and never begun", async () => {
    const { admission, refused } = opened()
    expect(await admission.submit(work(30))).toEqual({ kind: "expired", retryAfterS: 1 })
    expect(admission.take()).toBeUndefined()
    expect(await admission.submit(work(-1))).toMatchObject({ kind: "expired" })
    expect(await refused("expired")).toBe(2)
  })

  test("a deadline ends with the wait: begun work is not answered for its engine", async () => {
    const { admission } = opened()
    const answer = admission.submit(work(30))
    const taken = admission.take()
    await Bun.sleep(60)
    taken?.settle(done)
    expect(await answer).toEqual(done)
  })

  test("whoever left is not worked for, and the place is free", async () => {
    const { admission, refused } = opened(1)
    const caller = new AbortController()
    const left = admission.submit(work(5000, { signal: caller.signal }))
    expect(await admission.submit(work(5000))).toMatchObject({ kind: "overloaded" })
    caller.abort()
    expect(await left).toEqual({ kind: "abandoned" })
    expect(await admission.submit(work(5000, { signal: caller.signal }))).toEqual({ kind: "abandoned" })
    expect(admission.waiting).toBe(0)
    expect(await refused("abandoned")).toBe(2)
  })

  test("a newer frame of the camera answers for the older one", async () => {
    const { admission, refused } = opened()
    const older = admission.submit(work(5000, { camera: "gate" }))
    const newer = work(5000, { camera: "gate" })
    void admission.submit(newer)
    expect(await older).toEqual({ kind: "superseded", retryAfterS: 1 })
    expect(admission.take()?.work).toBe(newer)
    expect(await refused("superseded")).toBe(1)
  })

  test("the full line refuses at once, and says when it will be worked off", async () => {
    const { admission, refused } = opened(8, 2)
    for (let count = 0; count < 8; count++) void admission.submit(work(60_000))
    // Eight runs of half a second on two engines.
    expect(await admission.submit(work(60_000))).toEqual({ kind: "overloaded", retryAfterS: 2 })
    expect(await refused("overloaded")).toBe(1)
    admission.refuseAll("enough", 5)
  })

  test("everybody is told when there is nobody left to do it", async () => {
    const { admission } = opened()
    const answers = [admission.submit(work(5000)), admission.submit(work(5000, { priority: "background" }))]
    admission.refuseAll("no engine is up", 1)
    const unavailable = { kind: "unavailable", retryAfterS: 1, why: "no engine is up" } as const
    expect(await Promise.all(answers)).toEqual([unavailable, unavailable])
  })
})

describe("less is done where the policy allows it", () => {
  test("for work that has waited more than half of its budget", async () => {
    const { admission } = opened()
    const early = admission.submit(work(200, { policy: "degrade" }))
    expect(admission.take()?.degraded).toEqual([])
    for (const policy of ["degrade", "reject"] as const) void admission.submit(work(200, { policy }))
    await Bun.sleep(120)
    expect(admission.take()).toMatchObject({ options: { ...options, detectorInput: "small" }, degraded: ["detectorInput"] })
    expect(admission.take()).toMatchObject({ options, degraded: [] })
    void early
  })

  test("while the line is more than half full, and nothing is said of work that asked for it", () => {
    const { admission } = opened(4)
    void admission.submit(work(5000, { policy: "degrade", options: { ...options, detectorInput: "small" } }))
    for (let count = 0; count < 3; count++) void admission.submit(work(5000, { policy: "degrade" }))
    expect(admission.take()?.degraded).toEqual([])
    expect(admission.take()?.degraded).toEqual([])
    void admission.submit(work(5000))
    void admission.submit(work(5000))
    expect(admission.take()?.degraded).toEqual(["detectorInput"])
    admission.refuseAll("enough", 1)
  })
})

test("under lasting overload the line is half as long as there are engines, and long again afterwards", async () => {
  const { admission, refused } = opened(8, 4)
  const untilMs = nowTickMs() + 400
  while (nowTickMs() < untilMs) {
    void admission.submit(work(60_000))
    await Bun.sleep(5)
  }
  expect(admission.waiting).toBe(2)
  // Those who were in the long line were told, and what is left is lighter.
  expect(await refused("overloaded")).toBeGreaterThan(8)
  expect(admission.take()?.degraded).toEqual([])
  void admission.submit(work(60_000, { policy: "degrade" }))
  admission.take()
  expect(admission.take()?.degraded).toEqual(["detectorInput"])

  await Bun.sleep(600)
  for (let count = 0; count < 8; count++) void admission.submit(work(60_000))
  expect(admission.waiting).toBe(8)
  admission.refuseAll("enough", 1)
})

test("where one engine takes several together, the short line holds half of that, and the wait is reckoned by it", async () => {
  const { admission } = opened(16, 1, 8)
  for (let count = 0; count < 16; count++) void admission.submit(work(60_000))
  // Sixteen pictures in two runs of half a second.
  expect(await admission.submit(work(60_000))).toEqual({ kind: "overloaded", retryAfterS: 1 })
  const untilMs = nowTickMs() + 400
  while (nowTickMs() < untilMs) {
    void admission.submit(work(60_000))
    await Bun.sleep(5)
  }
  expect(admission.waiting).toBe(4)
  admission.refuseAll("enough", 1)
})

test("the longest wait is told once, of those who wait and those who began", async () => {
  const { admission } = opened()
  void admission.submit(work(5000))
  void admission.submit(work(5000))
  await Bun.sleep(30)
  admission.take()
  expect(admission.longestWaitMs()).toBeGreaterThanOrEqual(29)
  expect(admission.longestWaitMs()).toBeGreaterThanOrEqual(29)
  admission.take()
  admission.longestWaitMs()
  expect(admission.longestWaitMs()).toBe(0)
})
