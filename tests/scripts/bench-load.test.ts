import { describe, expect, test } from "bun:test"
import { arrivalsMs, createDraw } from "../../scripts/bench/load/arrivals.ts"
import { openLoop, type Sent } from "../../scripts/bench/load/open-loop.ts"
import { readLoadOptions } from "../../scripts/bench/load/options.ts"
import { untilNormal } from "../../scripts/bench/load/recovery.ts"
import { loadReport } from "../../scripts/bench/load/report.ts"
import { type LoadDetails, summariseLoad, summariseMemory } from "../../scripts/bench/load/summary.ts"
import { describeMachine } from "../../scripts/bench/support/machine.ts"

const box = ["--url", "http://127.0.0.1:8080", "--key", "k"]

function why(argv: readonly string[]): string {
  const read = readLoadOptions(argv)
  return read.kind === "failed" ? read.why : "understood"
}

describe("what load is told", () => {
  test("a rate, shares and durations", () => {
    const read = readLoadOptions([...box, "--rate", "12.5", "--seconds", "3", "--mix", "recognise=3,search=1"])
    expect(read).toMatchObject({
      kind: "ok",
      value: { rate: 12.5, seconds: 3, arrivals: "poisson", mix: { recognise: 3, search: 1, ingest: 0 } },
    })
  })

  test.each([
    ["neither rate nor multiple", [], "--multiple"],
    ["both", ["--rate", "1", "--multiple", "2"], "--multiple"],
    ["a rate of nothing", ["--rate", "0"], "rate"],
    ["an operation that is none", ["--rate", "1", "--mix", "erase=1"], "erase=1"],
    ["no share at all", ["--rate", "1", "--mix", "recognise=0"], "all shares are 0"],
    ["an unknown option", ["--rate", "1", "--hurry"], "--hurry"],
  ])("%s is refused in words", (_what, argv, said) => {
    expect(why([...box, ...argv])).toContain(said)
  })
})

describe("arrivals", () => {
  test("come at the wanted rate, the same each time", () => {
    const due = arrivalsMs("poisson", 50, 200, 7)
    expect(due).toEqual(arrivalsMs("poisson", 50, 200, 7))
    // 10,000 expected, standard deviation 100.
    expect(Math.abs(due.length - 10_000)).toBeLessThan(500)
    expect(due.every((ms, index) => index === 0 || ms > due[index - 1]!)).toBe(true)
    expect(due.at(-1)).toBeLessThan(200_000)
    expect([...arrivalsMs("fixed", 4, 1, 1)]).toEqual([0, 250, 500, 750])
  })

  test("are drawn by their shares", () => {
    const draw = createDraw({ recognise: 8, search: 2, ingest: 0 }, 3)
    const drawn = Array.from({ length: 5000 }, draw)
    expect(drawn.filter((name) => name === "search").length / 5000).toBeCloseTo(0.2, 1)
    expect(drawn).not.toContain("ingest")
  })
})

test("the open loop does not wait for answers, and a latency counts from when its request was due", async () => {
  let atOnce = 0
  let mostAtOnce = 0
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      await Bun.sleep(200)
      atOnce -= 1
      return new Response("{}")
    },
  })
  const target = { url: server.url.origin, key: "k" }
  const operations = { prepare: () => ({ path: "/", body: "{}", contentType: "application/json" }) }
  const sent = await openLoop(
    target,
    arrivalsMs("fixed", 50, 0.4, 1),
    () => "search",
    operations,
    undefined,
    () => undefined,
  )
  expect(sent).toHaveLength(20)
  expect(mostAtOnce).toBeGreaterThan(5)
  for (const { latencyMs, lateMs, answer } of sent) {
    expect(answer).toMatchObject({ status: "200", accepted: true })
    expect(latencyMs).toBeCloseTo(lateMs + answer.tookMs, 6)
    expect(latencyMs).toBeGreaterThanOrEqual(190)
  }
})

function sentAt(dueMs: number, latencyMs: number, status = "200"): Sent {
  const answer = { status, accepted: status.startsWith("2"), tookMs: latencyMs }
  return { operation: "recognise", dueMs, lateMs: 0, latencyMs, answer }
}

const sample = { parentMB: 100, enginesMB: 200, engines: 2, parentDescriptors: 20, engineDescriptors: 10 }

test("a load is summed up by status, by second, and by what came too late", () => {
  const sent = [sentAt(10, 40), sentAt(900, 900), sentAt(1100, 60), sentAt(1900, 3, "503 overloaded")]
  const summed = summariseLoad(sent, 2, 800)
  expect(summed.statuses).toEqual({ "200": 3, "503 overloaded": 1 })
  expect(summed.acceptedMs).toMatchObject({ n: 3, p50: 60, max: 900 })
  expect(summed.overDeadline).toEqual({ deadlineMs: 800, count: 1, worstMs: 100 })
  expect(summed.timeline.map(({ sent, statuses }) => [sent, statuses])).toEqual([
    [2, { "200": 2 }],
    [2, { "200": 1, "503 overloaded": 1 }],
  ])
})

test("memory is judged by its slope after warming up", () => {
  const samples = Array.from({ length: 100 }, (_, second) => ({
    ...sample,
    atMs: second * 1000,
    // 30 MB of warming up, then 6 MB a minute.
    parentMB: second < 20 ? 70 + second * 1.5 : 100 + (second - 20) / 10,
    parentDescriptors: second === 50 ? 23 : 20,
  }))
  const memory = summariseMemory(samples)
  expect(memory?.parentSlopeMBPerMinute).toBeCloseTo(6, 1)
  expect(memory?.descriptors).toEqual({ min: 30, max: 33 })
  expect(summariseMemory(samples.slice(0, 3))).toBeUndefined()
})

test("a box is normal again with the first quick answer of twenty, not while it still refuses", async () => {
  let turn = 0
  const send = async () => {
    turn += 1
    await Bun.sleep(1)
    const accepted = turn > 10
    return { status: accepted ? "200" : "503", accepted, tookMs: turn > 15 ? 10 : 100, text: "" }
  }
  const normalAfterMs = await untilNormal(send, 10, 5)
  expect(turn).toBe(35)
  expect(normalAfterMs).toBeGreaterThan(50)
  expect(await untilNormal(send, 1, 0.2)).toBeUndefined()
})

test("the page of a load shows its figures and loads nothing from outside", async () => {
  const details: LoadDetails = {
    ratePerSecond: 20,
    seconds: 2,
    ...summariseLoad([sentAt(10, 40), sentAt(1200, 5, "503 <b>")], 2, undefined),
    samples: [
      { atMs: 0, ...sample },
      { atMs: 1000, ...sample },
    ],
    memory: undefined,
  }
  const result = {
    kind: "load" as const,
    startedAt: new Date(0).toISOString(),
    machine: await describeMachine(),
    options: {},
    figures: [],
    targets: [],
    details,
  }
  const page = loadReport(result, details)
  expect(page).toContain("20.0 requests a second for 2 s")
  expect(page).toContain("503 &lt;b&gt;")
  expect(page.match(/<svg /g)).toHaveLength(4)
  expect(page).not.toMatch(/NaN|undefined|Infinity|src=|href=|<script/)
})
