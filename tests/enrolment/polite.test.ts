import { expect, test } from "bun:test"
import { type PolitePool, politely } from "../../app/enrolment/polite.ts"
import type { Answer } from "../../app/inference/answer.ts"
import type { Work } from "../../app/inference/work.ts"
import { paint, readPainted } from "../support/painted.ts"

const work: Work = {
  picture: paint({ person: "Ada" }),
  options: { faceWidthPxMin: 32, facesMax: 1, embed: "largest" },
  deadlineTickMs: 0,
}

/** Engines in the states that a test puts them in; answers are handed out by hand or at once. */
function playedPool(states: string[], answers: Answer[] = []) {
  const seen: Work[] = []
  let waiting = 0
  const pool: PolitePool = {
    analyze: async (given) => {
      seen.push(given)
      return answers.shift() ?? readPainted(given)
    },
    status: () => ({ waiting, engines: states.map((state) => ({ state })) }),
  }
  return { pool, seen, states, wait: (count: number) => (waiting = count) }
}

const never = () => new AbortController().signal

test("background, refused rather than degraded, and with a deadline that nobody's line reaches", async () => {
  const { pool, seen } = playedPool(["idle", "idle"])
  expect((await politely(pool, never(), 2)(work)).kind).toBe("ok")
  expect(seen).toMatchObject([{ priority: "background", policy: "reject" }])
  expect(seen[0]?.deadlineTickMs).toBeGreaterThan(performance.now() + 60_000)
})

test.each([
  ["somebody waits in line", ["idle", "idle"], 1, 2, 1200],
  ["no engine is up", ["starting", "restarting"], 0, 2, 1200],
  ["the last free engine would be taken", ["idle", "busy"], 0, 8, 300],
  ["a door's picture is in hand, and the engines take all cores", ["idle", "idle", "busy"], 0, 3, 200],
] as const)("it waits while %s", async (_, states, waiting, cores, forMs) => {
  const played = playedPool([...states])
  played.wait(waiting)
  const answer = politely(played.pool, never(), cores)(work)
  await Bun.sleep(forMs)
  expect(played.seen).toHaveLength(0)
  played.wait(0)
  played.states.fill("idle")
  expect((await answer).kind).toBe("ok")
})

test.each([
  ["one engine alone is used when it is free", ["idle"], 2],
  ["where there are more cores than engines, another's picture in hand is no obstacle", ["idle", "idle", "busy"], 8],
] as const)("%s", async (_, states, cores) => {
  const { pool } = playedPool([...states])
  const startMs = performance.now()
  expect((await politely(pool, never(), cores)(work)).kind).toBe("ok")
  expect(performance.now() - startMs).toBeLessThan(400)
})

test("on a box whose doors are never quiet it comes to its end all the same", async () => {
  const { pool } = playedPool(["idle", "busy"])
  expect((await politely(pool, never(), 2)(work)).kind).toBe("ok")
})

test("being turned away is no answer; engines lost again and again are", async () => {
  const lost: Answer = { kind: "unavailable", retryAfterS: 0.001, why: "lost" }
  const full: Answer = { kind: "overloaded", retryAfterS: 0.001 }
  const late: Answer = { kind: "expired", retryAfterS: 0.001 }
  const turned = playedPool(["idle"], [full, late, lost, full, full, late, lost, full])
  expect((await politely(turned.pool, never())(work)).kind).toBe("ok")
  expect(turned.seen).toHaveLength(9)
  const poison = playedPool(["idle"], [lost, lost, lost, lost])
  expect((await politely(poison.pool, never())(work)).kind).toBe("unavailable")
  expect(poison.seen).toHaveLength(3)
})

test("a job that is stopped does not wait any more, neither for an engine nor to ask again", async () => {
  for (const played of [playedPool(["busy"]), playedPool(["idle"], [{ kind: "overloaded", retryAfterS: 60 }])]) {
    const stopping = new AbortController()
    const answer = politely(played.pool, stopping.signal)(work)
    await Bun.sleep(30)
    stopping.abort()
    expect((await answer).kind).toBe("abandoned")
  }
})
