import { describe, expect, test } from "bun:test"
import { nextDelayMs } from "../../app/base/backoff.ts"
import { createLifetimes } from "../../app/base/lifetimes.ts"
import { continueTrace, toTraceparent } from "../../app/base/trace.ts"

describe("back-off", () => {
  const options = { firstMs: 100, maxMs: 1000 }
  test("doubles up to its ceiling, and jitter stays in the upper half", () => {
    const longest = [0, 1, 2, 3, 4, 5, 50].map((failures) => nextDelayMs(failures, options, () => 1))
    const shortest = [0, 1, 2, 3, 4, 5, 50].map((failures) => nextDelayMs(failures, options, () => 0))
    expect(longest).toEqual([0, 100, 200, 400, 800, 1000, 1000])
    expect(shortest).toEqual([0, 50, 100, 200, 400, 500, 500])
  })
})

describe("lifetimes", () => {
  test("close in reverse, all of them, and the failure is not lost", async () => {
    const closed: string[] = []
    const opened = createLifetimes()
    opened.adopt("first", (name) => void closed.push(name))
    opened.defer(() => Promise.reject(new Error("the second would not close")))
    opened.defer(async () => void closed.push("third"))
    await expect(opened.close()).rejects.toThrow("the second would not close")
    expect(closed).toEqual(["third", "first"])
  })
})

describe("trace context", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c"
  test("the caller's trace goes on with a span of our own", () => {
    const trace = continueTrace(`00-${traceId}-b7ad6b7169203331-01`)
    expect(trace).toMatchObject({ traceId, sampled: true })
    expect(trace.spanId).not.toBe("b7ad6b7169203331")
    expect(toTraceparent(trace)).toBe(`00-${traceId}-${trace.spanId}-01`)
  })

  test.each([
    undefined,
    "",
    "nonsense",
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `ff-${traceId}-b7ad6b7169203331-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
  ])("%p starts a new trace", (header) => {
    const trace = continueTrace(header)
    expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(trace.traceId).not.toBe(traceId)
  })
})
