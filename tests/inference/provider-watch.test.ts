import { describe, expect, test } from "bun:test"
import { createProviderWatch, watchDefaults } from "../../app/inference/provider-watch.ts"

const minuteMs = 60_000
const hourMs = 60 * minuteMs

describe("how far an accelerator is trusted", () => {
  test("two errors in a minute are borne, the third gives it up; errors of long ago do not count", () => {
    const watch = createProviderWatch()
    const errorsAtMs = [0, 30_000, 61_000, 95_000, 96_000]
    const kinds = errorsAtMs.map((tickMs) => watch.failed(tickMs, "the run failed").kind)
    expect(kinds).toEqual(["keep", "keep", "keep", "keep", "recheck"])
    expect(watch.recentErrors(97_000)).toBe(0)
  })

  test("the reason names how many errors and the last of them", () => {
    const watch = createProviderWatch()
    watch.failed(1, "first")
    watch.failed(2, "second")
    expect(watch.failed(3, "device lost")).toEqual({ kind: "recheck", why: "3 errors in 60 s, last: device lost" })
  })

  test("one wrong known answer is enough", () => {
    expect(createProviderWatch().wrong(5, "cosine 0.31")).toEqual({ kind: "recheck", why: "cosine 0.31" })
  })

  test("who fails again soon after a fresh start rests, each time longer, at most an hour", () => {
    const watch = createProviderWatch()
    expect(watch.wrong(0, "wrong").kind).toBe("recheck")
    const delaysMs: number[] = []
    for (let time = 1; time <= 12; time++) {
      const sentence = watch.wrong(time * minuteMs, "wrong again")
      if (sentence.kind !== "rest") throw new Error(sentence.kind)
      delaysMs.push(sentence.delayMs)
    }
    const { firstMs, maxMs } = watchDefaults.backoff
    // The second time in a row: between half and the whole of twice the first delay.
    expect(delaysMs[0]).toBeWithin(firstMs, 2 * firstMs + 1)
    expect(delaysMs.at(-1)).toBeWithin(maxMs / 2, maxMs + 1)
  })

  test("a fresh engine that does not get ready is not tried again at once", () => {
    const watch = createProviderWatch()
    const first = watch.unfit(0, "the library crashes")
    const second = watch.unfit(minuteMs, "the library crashes")
    expect([first.kind, second.kind]).toEqual(["rest", "rest"])
    expect(first).toMatchObject({ delayMs: expect.any(Number), why: "the library crashes" })
  })

  test("an hour of good service is a clean slate; an hour of rest is none", () => {
    const watch = createProviderWatch()
    watch.ready(0)
    watch.wrong(minuteMs, "wrong")
    expect(watch.unfit(3 * hourMs, "wrong").kind).toBe("rest")
    watch.ready(4 * hourMs)
    expect(watch.wrong(5 * hourMs, "wrong").kind).toBe("rest")
    watch.ready(6 * hourMs)
    expect(watch.wrong(7 * hourMs + 1, "wrong").kind).toBe("recheck")
  })
})
