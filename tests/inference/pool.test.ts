import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import pino from "pino"
import sharp from "sharp"
import { createMetrics } from "../../app/base/metrics.ts"
import { selfCommand } from "../../app/base/self.ts"
import { nowTickMs } from "../../app/base/ticks.ts"
import type { Answer } from "../../app/inference/answer.ts"
import type { ModelSet } from "../../app/inference/manifest.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { type EnginePool, openPool } from "../../app/inference/pool.ts"
import type { Work } from "../../app/inference/work.ts"
import { locateSet, samplePhoto } from "./engine/support.ts"

const picture = readFileSync(samplePhoto(3))
let set: ModelSet
beforeAll(async () => {
  set = await locateSet("default")
})

function work(budgetMs: number, more: Partial<Work> = {}): Work {
  return {
    picture,
    options: { faceWidthPxMin: 48, facesMax: 50, embed: "all" },
    deadlineTickMs: nowTickMs() + budgetMs,
    ...more,
  }
}

function open(options: Record<string, unknown>) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: "info", base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const pool = openPool(selfCommand(), set, inferenceOptions.parse(options), log, createMetrics())
  return { pool, lines, said: (message: string) => lines.filter(({ msg }) => msg === message) }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const giveUpAtMs = Date.now() + 40_000
  while (!holds()) {
    if (Date.now() > giveUpAtMs) throw new Error(`waited in vain until ${what}`)
    await Bun.sleep(20)
  }
}

const statesOf = (pool: EnginePool) => pool.status().engines.map(({ state }) => state)

describe("one engine", () => {
  let pool: EnginePool
  beforeAll(async () => {
    pool = open({ engines: 1 }).pool
    await pool.settled()
  })
  afterAll(() => pool.close())

  test("gives what was asked for, and says which run it was", async () => {
    const beforeMs = Date.now()
    const snapshot = { longestSidePx: 480, quality: 70 }
    const options = { faceWidthPxMin: 48, facesMax: 50, embed: "largest", snapshot, chips: true } as const
    const answer = await pool.analyze(work(20_000, { options }))
    if (answer.kind !== "ok") throw new Error(JSON.stringify(answer))
    expect(answer.faces.length).toBe(3)
    expect(answer.faces.map(({ embedding, chip }) => [embedding?.length, chip !== undefined])).toEqual([
      [Number(set.embedding.space.split("/")[1]), true],
      [undefined, false],
      [undefined, false],
    ])
    expect(await sharp(answer.snapshot).metadata()).toMatchObject({ format: "jpeg", width: 480 })
    const { jpeg, size } = answer.faces[0]!.chip!
    expect(await sharp(jpeg).metadata()).toMatchObject({ format: "jpeg", ...size })
    expect(answer.degraded).toEqual([])
    expect(answer.run?.pid).toBe(pool.status().engines[0]?.pid)
    expect(answer.run?.startedAtMs).toBeWithin(beforeMs - 5, Date.now() + 5)
    const { decode, detect, align, embed } = answer.timingsMs
    expect(answer.run?.tookMs).toBeGreaterThan(decode + detect + align + embed - 1)
    expect(pool.status().engines[0]?.residentBytes).toBeGreaterThan(50_000_000)
  })

  test("what waits behind a run expires, leaves or is run with less, and nothing is lost", async () => {
    const caller = new AbortController()
    const first = pool.analyze(work(20_000))
    const late = pool.analyze(work(5))
    const left = pool.analyze(work(20_000, { signal: caller.signal }))
    const night = pool.analyze(work(20_000, { priority: "background" }))
    const older = pool.analyze(work(20_000, { camera: "gate" }))
    const newer = pool.analyze(work(20_000, { camera: "gate" }))
    caller.abort()
    expect(await left).toEqual({ kind: "abandoned" })
    expect(await older).toMatchObject({ kind: "superseded" })
    expect(await late).toMatchObject({ kind: "expired" })
    const done: string[] = []
    const named = (name: string) => (answer: Answer) => void done.push(`${name} ${answer.kind}`)
    await Promise.all([first.then(named("first")), night.then(named("night")), newer.then(named("newer"))])
    expect(done).toEqual(["first ok", "newer ok", "night ok"])
  })

  test("under the policy degrade it says what was left out", async () => {
    const waiting = [work(20_000), work(20_000)].map((first) => pool.analyze(first))
    const answer = await pool.analyze(work(160, { policy: "degrade" }))
    // Either it began in the second half of its budget, or on a slow machine not at all.
    if (answer.kind === "ok") expect(answer.degraded).toEqual(answer.timingsMs.wait > 80 ? ["detectorInput"] : [])
    else expect(answer.kind).toBe("expired")
    await Promise.all(waiting)
  })
})

test("who waits when the box stops is told", async () => {
  const { pool } = open({ engines: 1 })
  await pool.settled()
  const answers = [pool.analyze(work(20_000)), pool.analyze(work(20_000))]
  await pool.close()
  expect(await Promise.all(answers)).toMatchObject([
    { kind: "unavailable" },
    { kind: "unavailable", why: "the box is stopping" },
  ])
  expect(await pool.analyze(work(20_000))).toMatchObject({ kind: "unavailable" })
})

test.skipIf(availableParallelism() < 2)(
  "an engine is added while work keeps waiting and let go when it is not needed, and no answer is lost",
  async () => {
    const { pool, said } = open({ engines: "auto", enginesMin: 1, enginesMax: 2, growWaitMs: 1, engineIdleMs: 1500 })
    await pool.settled()
    expect(statesOf(pool).length).toBe(1)

    let asking = true
    const kinds = new Set<string>()
    const ask = async () => {
      while (asking) kinds.add((await pool.analyze(work(20_000))).kind)
    }
    const load = [ask(), ask(), ask()]
    await until(
      () => statesOf(pool).filter((state) => state === "idle" || state === "busy").length === 2,
      "two engines are ready",
    )
    expect(pool.status().state).toBe("ready")
    await Bun.sleep(300)
    asking = false
    await Promise.all(load)

    // One at a time still asks for an engine, and the other is let go under it.
    asking = true
    const lone = ask()
    await until(() => statesOf(pool).length === 1, "one engine is left")
    asking = false
    await lone
    expect([...kinds]).toEqual(["ok"])
    expect(pool.status()).toMatchObject({ state: "ready", restarts: 0 })
    expect(said("an engine is added")).toMatchObject([
      { engines: 2, why: expect.stringContaining("has waited more than 1 ms") },
    ])
    expect(said("an engine is retired")).toMatchObject([{ engines: 1, why: expect.stringContaining("no more than 1 worked") }])
    await pool.close()
  },
)
