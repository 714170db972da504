import { afterEach, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pino from "pino"
import sharp from "sharp"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { nowTickMs } from "../../app/base/ticks.ts"
import { openAccelerator } from "../../app/inference/accelerator.ts"
import type { Answer } from "../../app/inference/answer.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { unplaced } from "../../app/inference/placement/placement.ts"
import { type EnginePool, openPool } from "../../app/inference/pool.ts"
import { type WatchOptions, watchDefaults } from "../../app/inference/provider-watch.ts"
import type { ProviderChoice } from "../../app/inference/providers/choose.ts"
import { type Faults, faultyCommand } from "../support/engines/faulty.ts"
import { locateSet, samplePhoto } from "./engine/support.ts"

const picture = readFileSync(samplePhoto(3))
const folder = mkdtempSync(join(tmpdir(), "gatehouse-accelerator-"))
let opened: EnginePool | undefined
afterEach(async () => {
  await opened?.close()
  opened = undefined
})
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

const cuda: ProviderChoice = {
  plans: [
    {
      adapter: "ort-ffi",
      library: "/opt/none/libonnxruntime.so",
      provider: "cuda",
      required: false,
      deviceId: 0,
      cacheFolder: folder,
      versions: { runtime: "1.27.0" },
      tensorrt: { fp16: true, workspaceBytes: 1, shapes: {} },
    },
  ],
  refusals: [{ provider: "tensorrt", why: "not compiled in", remedy: "install a library that has it" }],
}

/** A box with engines on the processor, and one on an accelerator that breaks as told. */
async function open(told: Omit<Faults, "startsFile">, { choice = cuda, engines = 1 } = {}) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: "info", base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const startsFile = join(folder, `starts-${crypto.randomUUID()}`)
  const options = inferenceOptions.parse({ engines, acceleratedRunMs: 1000, startMs: 15_000 })
  const metrics = createMetrics()
  const command = faultyCommand({ ...told, startsFile })
  const set = await locateSet("default")
  const pool = openPool(command, set, options, log, metrics, unplaced(options), async () => choice)
  opened = pool
  return { pool, metrics, said: (message: string) => lines.filter(({ msg }) => msg === message) }
}

/** An accelerator without a box around it, once its first try has ended. */
async function alone(told: Omit<Faults, "startsFile">, watch: WatchOptions, choices: ProviderChoice[] = []) {
  const metrics = createMetrics()
  const limits = inferenceOptions.parse({})
  const startsFile = join(folder, `starts-${crypto.randomUUID()}`)
  const box = { idle: false, metrics }
  const accelerator = openAccelerator({
    ...{ command: faultyCommand({ ...told, startsFile }), set: await locateSet("default"), threads: 1, limits, metrics, watch },
    log: silentLog,
    choose: async () => choices.shift() ?? cuda,
    isIdle: () => box.idle,
    changed: () => undefined,
    freed: () => undefined,
  })
  await accelerator.firstOutcome()
  return Object.assign(box, { accelerator, [Symbol.asyncDispose]: () => accelerator.close() })
}

function ask(pool: EnginePool, budgetMs = 20_000, asked: Uint8Array = picture): Promise<Answer> {
  const options = { faceWidthPxMin: 48, facesMax: 50, embed: "largest" } as const
  return pool.analyze({ picture: asked, options, deadlineTickMs: nowTickMs() + budgetMs })
}

const stateOf = (pool: EnginePool) => pool.status().accelerator?.state
const countOf = async (metric: { values(): Promise<Readonly<Record<string, number>>> }) => metric.values()

async function until(holds: () => boolean, what: string): Promise<void> {
  const giveUpAtMs = Date.now() + 30_000
  while (!holds()) {
    if (Date.now() > giveUpAtMs) throw new Error(`waited in vain until ${what}`)
    await Bun.sleep(10)
  }
}

describe("an accelerator that works", () => {
  test("takes the work when it has proved itself; the processor serves before, and one engine of it stays ready", async () => {
    const { pool, said } = await open({ kind: "none" }, { engines: 2 })
    await pool.settled()
    expect((await ask(pool)).kind).toBe("ok")
    expect(await pool.accelerated()).toEqual({ kind: "serving", provider: "cuda" })
    const answer = await ask(pool)
    await until(() => pool.status().engines.length === 2, "one engine of the processor is left")
    const { accelerator, engines, models, state, reasons } = pool.status()
    if (answer.kind !== "ok") throw new Error(answer.kind)
    expect(engines.map(({ provider }) => provider)).toEqual(["cuda", "cpu"])
    expect(answer.run?.pid).toBe(engines[0]!.pid)
    expect(accelerator).toMatchObject({ state: "serving", active: "cuda", refusals: cuda.refusals })
    expect(models.every(({ placement }) => placement.active === "cuda")).toBe(true)
    expect([state, reasons]).toEqual(["ready", []])
    expect(said("an accelerator serves")).toHaveLength(1)
  })

  test("takes pictures that wait together, and one that is too late not at all", async () => {
    const { pool } = await open({ kind: "none" })
    await pool.accelerated()
    const first = ask(pool)
    await Bun.sleep(20)
    const late = ask(pool, 5)
    const waiting = [ask(pool), ask(pool), ask(pool)]
    expect((await late).kind).toBe("expired")
    const answers = await Promise.all([first, ...waiting])
    const runs = answers.map((answer) => (answer.kind === "ok" ? answer.run?.startedAtMs : answer.kind))
    expect(new Set(runs.slice(1)).size).toBe(1)
    expect(runs[0]).not.toBe(runs[1])
    expect(pool.status().engines[0]).toMatchObject({ provider: "cuda", runs: 4 })
  })

  test("is given no picture so large that it could be taken for one that hangs", async () => {
    const { pool } = await open({ kind: "none" })
    await pool.accelerated()
    const large = sharp({ create: { width: 4000, height: 2500, channels: 3, background: "#507050" } })
    const answer = await ask(pool, 20_000, await large.jpeg().toBuffer())
    if (answer.kind !== "ok") throw new Error(answer.kind)
    const processor = pool.status().engines.find(({ provider }) => provider === "cpu")
    expect(answer.run?.pid).toBe(processor?.pid)
    expect(pool.status().engines[0]).toMatchObject({ provider: "cuda", runs: 0 })
  })

  test("none at all is no reason to worry", async () => {
    const { pool } = await open({ kind: "none" }, { choice: { plans: [], refusals: cuda.refusals } })
    await pool.settled()
    expect(await pool.accelerated()).toEqual({ kind: "refused", refusals: cuda.refusals })
    expect((await ask(pool)).kind).toBe("ok")
    expect(pool.status()).toMatchObject({ state: "ready", reasons: [], accelerator: { state: "absent", active: "cpu" } })
  })
})

describe("an accelerator that breaks", () => {
  test("at one run: that picture is answered by the processor, and it goes on", async () => {
    const { pool, metrics } = await open({ kind: "error", from: 2, times: 2 })
    await pool.accelerated()
    const kinds: string[] = []
    for (let time = 0; time < 5; time++) kinds.push((await ask(pool)).kind)
    expect(kinds).toEqual(["ok", "ok", "ok", "ok", "ok"])
    expect([stateOf(pool), pool.status().accelerator?.recentErrors]).toEqual(["serving", 2])
    expect(await countOf(metrics.providerRerunsTotal)).toMatchObject({ analysis: 2, failed: 0 })
  })

  test("three times: the fresh one is asked the known answers and serves again", async () => {
    const { pool, said } = await open({ kind: "error", from: 2, badStarts: 1 })
    await pool.accelerated()
    for (let time = 0; time < 4; time++) expect((await ask(pool)).kind).toBe("ok")
    expect(stateOf(pool)).toBe("preparing")
    expect((await ask(pool)).kind).toBe("ok")
    await until(() => stateOf(pool) === "serving", "the fresh one serves")
    expect((await ask(pool)).kind).toBe("ok")
    expect(said("an accelerator serves")).toHaveLength(2)
  })

  test("for good: it is given up, the box says so and serves with all engines of the processor", async () => {
    const { pool, said, metrics } = await open({ kind: "wrong", from: 2 }, { engines: 2 })
    await pool.accelerated()
    const kinds = new Set<string>()
    while (stateOf(pool) !== "resting") kinds.add((await ask(pool)).kind)
    expect([...kinds]).toEqual(["ok"])
    await until(() => pool.status().engines.filter(({ state }) => state === "idle").length === 2, "the processor serves")
    expect((await ask(pool)).kind).toBe("ok")
    const { state, reasons, accelerator } = pool.status()
    // In words, for whoever asks how the box is: no stack.
    expect([state, reasons]).toEqual([
      "degraded",
      ["the accelerator was given up: cuda: the known question came out differently"],
    ])
    expect(accelerator?.active).toBe("cpu")
    expect(accelerator?.rest?.retryAtMs).toBeGreaterThan(Date.now())
    expect(said("an accelerator is given up; the processor serves")).toMatchObject([
      { level: 50, why: expect.stringContaining("cuda: ") },
    ])
    expect(await countOf(metrics.providerErrorsTotal)).toMatchObject({ "cuda wrong": 2 })
  })

  test("in a run of several: each of them is answered by the processor, and it is one error", async () => {
    const { pool, metrics } = await open({ kind: "error", from: 2, times: 1 })
    await pool.accelerated()
    const first = ask(pool)
    await Bun.sleep(20)
    const answers = await Promise.all([first, ask(pool), ask(pool), ask(pool)])
    expect(answers.map(({ kind }) => kind)).toEqual(["ok", "ok", "ok", "ok"])
    expect(await countOf(metrics.providerRerunsTotal)).toMatchObject({ analysis: 3 })
    expect([stateOf(pool), pool.status().accelerator?.recentErrors]).toEqual(["serving", 1])
  })

  test.each(["crash", "hang"] as const)("by a %s in a run: the picture is answered, well within 5 s", async (kind) => {
    const { pool } = await open({ kind, from: 2, badStarts: 1 })
    await pool.accelerated()
    await ask(pool)
    const sinceMs = Date.now()
    expect((await ask(pool)).kind).toBe("ok")
    expect(Date.now() - sinceMs).toBeLessThan(5000)
    await until(() => stateOf(pool) === "serving", "the fresh one serves")
  })

  test("by a bug: the processor answers, and it goes on", async () => {
    const { pool, said } = await open({ kind: "bug", from: 2, times: 2 })
    await pool.accelerated()
    for (let time = 0; time < 4; time++) expect((await ask(pool)).kind).toBe("ok")
    expect(stateOf(pool)).toBe("serving")
    // Nobody else tells of it: the caller has an answer.
    const told = said("a run on an accelerator came to nothing; the processor answers")
    expect(told).toHaveLength(2)
    expect(told[0]).toMatchObject({
      level: 40,
      provider: "cuda",
      why: expect.stringContaining("a bug that is not the provider's"),
    })
  })
})

describe("an accelerator in a box with nothing to do", () => {
  const soon = { ...watchDefaults, idleCheckMs: 100, backoff: { firstMs: 200, maxMs: 400 } }

  test("is asked the known questions, and given up before anybody comes", async () => {
    await using box = await alone({ kind: "wrong", from: 3, badStarts: 1 }, soon)
    await until(() => box.accelerator.status().state !== "serving", "it is found wrong")
    await until(() => box.accelerator.serving, "a fresh one serves")
    expect(await countOf(box.metrics.providerErrorsTotal)).toMatchObject({ "cuda wrong": 1 })
  })

  test("and was given up is tried again, and serves", async () => {
    await using box = await alone({ kind: "unfit", badStarts: 2 }, soon)
    expect(box.accelerator.status().state).toBe("resting")
    box.idle = true
    await until(() => box.accelerator.serving, "it serves at last")
    expect(await countOf(box.metrics.providerTriesTotal)).toMatchObject({ "cuda refused": 2, "cuda ready": 1 })
  })
})

describe("a library that cannot be used at first", () => {
  const soon = { ...watchDefaults, backoff: { firstMs: 100, maxMs: 200 } }
  const refusal = { provider: "cuda", why: "it did not answer within 10 s", remedy: "see whether its driver hangs" } as const

  test("is looked at again when the box has nothing to do", async () => {
    await using box = await alone({ kind: "none" }, soon, [{ plans: [], refusals: [refusal] }])
    expect(box.accelerator.status().state).toBe("absent")
    box.idle = true
    await until(() => box.accelerator.serving, "it serves")
  })

  test("and one that is not there is not", async () => {
    await using box = await alone({ kind: "none" }, soon, [{ plans: [], refusals: [{ ...refusal, absent: true }] }])
    box.idle = true
    await Bun.sleep(1500)
    expect(box.accelerator.status().state).toBe("absent")
  })
})

describe("an accelerator that never gets ready", () => {
  test.each(["unfit", "crash_at_load"] as const)("%s: the processor serves, and the box says why", async (kind) => {
    const { pool } = await open({ kind })
    await pool.settled()
    const outcome = await pool.accelerated()
    if (outcome.kind !== "refused") throw new Error(outcome.kind)
    expect(outcome.refusals.map(({ provider }) => provider)).toEqual(["tensorrt", "cuda"])
    const why = { unfit: "cosine 0.2", crash_at_load: "SIGSEGV" }[kind]
    expect(outcome.refusals[1]!.why).toContain(why)
    expect(stateOf(pool)).toBe("resting")
    expect((await ask(pool)).kind).toBe("ok")
    expect(pool.status().state).toBe("degraded")
  })
})
