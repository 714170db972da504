import { expect, test } from "bun:test"
import { countedHub } from "../../../app/sync/link/counted-hub.ts"
import { createPace } from "../../../app/sync/pace.ts"
import { round } from "../../../app/sync/session.ts"
import { createTestSite } from "../site.ts"
import { boxA, boxB } from "../support.ts"
import { createLines } from "./support.ts"

/** A site of two boxes, of which one talks over a line that is paced, by a clock that moves when somebody waits. */
async function pacedLine(bytesPerSecondMax: number | undefined) {
  const site = createTestSite([boxA, boxB])
  const [a, b] = [site.boxes[0]!, site.boxes[1]!]
  const time = { nowMs: 1000 }
  const pace = createPace(bytesPerSecondMax, {
    nowTickMs: () => time.nowMs,
    // Several wait at one time, each until its own.
    sleepMs: async (ms) => {
      const untilMs = time.nowMs + ms
      await Promise.resolve()
      time.nowMs = Math.max(time.nowMs, untilMs)
    },
  })
  const { hub } = countedHub((await createLines().connect(a)).value, pace)
  const bytes = () => [...a.disk.rows().values()].reduce((sum, { record }) => sum + record.bytes.length, 0)
  const talk = () => round({ ...a.needs, hub }, { verify: false })
  return { a, b, talk, bytes, tookSeconds: () => (time.nowMs - 1000) / 1000 }
}

test("what goes up and what comes down takes as long as the limit on bytes says", async () => {
  const { a, b, talk, bytes, tookSeconds } = await pacedLine(1000)
  a.enrol(1, 40)
  await talk()
  const up = bytes()
  expect(up).toBeGreaterThan(4000)
  // The first second's worth goes at once.
  expect(tookSeconds()).toBeGreaterThanOrEqual(up / 1000 - 1)
  expect(tookSeconds()).toBeLessThanOrEqual(up / 1000)
  b.enrol(100, 40)
  await b.round()
  await talk()
  // What was written itself is met again, and costs the line as well.
  const all = bytes() + up
  expect(tookSeconds()).toBeGreaterThanOrEqual(all / 1000 - 1)
  expect(tookSeconds()).toBeLessThanOrEqual(all / 1000 + 0.001)
})

test("without a limit nobody waits", async () => {
  const { a, talk, tookSeconds } = await pacedLine(undefined)
  a.enrol(1, 40)
  await talk()
  expect(tookSeconds()).toBe(0)
})
