import { expect, test } from "bun:test"
import pino from "pino"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import type { Work } from "../../app/inference/work.ts"
import { createRefinements, type QuickOptions, type Recognized, recognizeQuickly } from "../../app/pipeline/refine.ts"
import { paintedJudge } from "../support/judge.ts"
import { paint, paintedSpace, readPainted } from "../support/painted.ts"

/** What the engines were asked, and how each full look ended. */
function quick(atOnceMax: number, analyze = readPainted) {
  const asked: Work[] = []
  const ended = Promise.withResolvers<{ quick: Recognized; full: Recognized | undefined }>()
  const refinements = createRefinements({ atOnceMax }, silentLog)
  const needs = {
    analyze: (work: Work) => {
      asked.push(work)
      return analyze(work)
    },
    search: async () => [],
    space: paintedSpace,
    judge: paintedJudge,
    metrics: createMetrics(),
    refinements,
  }
  const options: QuickOptions = {
    budgetMs: 1000,
    candidates: 3,
    faceWidthPxMin: 40,
    facesMax: 10,
    camera: "door",
    policy: "degrade",
    snapshot: { longestSidePx: 640, quality: 80 },
    refineBudgetMs: 5000,
    refined: (quick, full) => ended.resolve({ quick, full }),
  }
  return { asked, ended: ended.promise, refinements, ask: () => recognizeQuickly(paint({ person: "Ada" }), needs, options) }
}

test("half the size answers at once and says so; the full size follows in the background, with the picture of the frame", async () => {
  const { ask, asked, ended } = quick(1)
  const answer = await ask()
  expect(answer).toMatchObject({ kind: "recognized", refines: true, degraded: ["detectorInput"], faces: [{}] })
  const { full } = await ended
  expect(full).toMatchObject({ kind: "recognized", degraded: [], faces: [{}] })
  expect(asked).toMatchObject([
    { camera: "door", policy: "degrade", options: { detectorInput: "small", snapshot: undefined } },
    { camera: "door", policy: "reject", priority: "background", options: { snapshot: { longestSidePx: 640 } } },
  ])
  expect(asked[1]?.options.detectorInput).toBeUndefined()
  expect(asked[1]!.deadlineTickMs - performance.now()).toBeGreaterThan(2000)
})

test("as many full looks as may be: the next quick answer stands alone, and makes the picture of the frame itself", async () => {
  const engines = Promise.withResolvers<void>()
  const { ask, asked, ended, refinements } = quick(1, async (work) => {
    if (work.priority === "background") await engines.promise
    return readPainted(work)
  })
  expect(await ask()).toMatchObject({ refines: true })
  expect(await ask()).toMatchObject({ refines: false, degraded: ["detectorInput"] })
  expect(asked).toHaveLength(3)
  expect(asked[2]?.options.snapshot).toBeDefined()
  engines.resolve()
  await ended
  await Bun.sleep(1)
  using place = refinements.reserve()
  expect(place).toBeDefined()
})

test("a full look that no engine was free for is told as none", async () => {
  const { ask, ended } = quick(1, async (work) =>
    work.priority === "background" ? { kind: "expired", retryAfterS: 1 } : readPainted(work),
  )
  const answer = await ask()
  expect(await ended).toMatchObject({ full: undefined, quick: { faces: (answer as Recognized).faces } })
})

test.each([
  ["is refused", async () => ({ kind: "refused", reason: "bad_image", why: "cut off" }) as const],
  ["throws", () => Promise.reject(new Error("broken on purpose"))],
])("a quick look that %s has no full one, and its place is free again", async (_what, analyze) => {
  const { ask, asked, refinements } = quick(1, analyze)
  const answer = await ask().catch((error: Error) => error.message)
  expect([{ kind: "refused", reason: "bad_image", why: "cut off" }, "broken on purpose"]).toContainEqual(answer as never)
  await Bun.sleep(1)
  expect(asked).toHaveLength(1)
  using place = refinements.reserve()
  expect(place).toBeDefined()
})

test("closing drops those that wait, and waits for those that run", async () => {
  const { ask, ended, refinements } = quick(1, async (work) => {
    if (work.priority !== "background") return readPainted(work)
    const left = Promise.withResolvers<void>()
    work.signal?.addEventListener("abort", () => left.resolve())
    await left.promise
    return { kind: "abandoned" }
  })
  await ask()
  await refinements.close()
  expect((await ended).full).toBeUndefined()
  expect(refinements.reserve()).toBeUndefined()
})

test("a bug in what follows is in the log, and takes neither the box nor the place", async () => {
  const lines: string[] = []
  const refinements = createRefinements({ atOnceMax: 1 }, pino({}, { write: (line: string) => void lines.push(line) }))
  refinements.reserve()?.use(() => Promise.reject(new Error("broken on purpose")))
  await Bun.sleep(1)
  expect(lines.join()).toContain("broken on purpose")
  using place = refinements.reserve()
  expect(place).toBeDefined()
})
