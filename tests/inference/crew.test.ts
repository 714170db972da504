import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { silentLog } from "../../app/base/log.ts"
import { createMetrics } from "../../app/base/metrics.ts"
import { selfCommand } from "../../app/base/self.ts"
import { type Crew, openCrew } from "../../app/inference/crew.ts"
import { inferenceOptions } from "../../app/inference/options.ts"
import { locateSet, samplePhoto } from "./engine/support.ts"

const options = { faceWidthPxMin: 48, facesMax: 50, embed: "all" } as const
const picture = readFileSync(samplePhoto(3))

async function opened(size: number, command = selfCommand(), limits = {}) {
  let downCount = 0
  const crew = openCrew(size, {
    command,
    set: await locateSet("default"),
    threads: 1,
    limits: inferenceOptions.parse(limits),
    log: silentLog,
    metrics: createMetrics(),
    freed: () => undefined,
    allDown: () => {
      downCount += 1
    },
  })
  if (size > 0) await crew.settled()
  return { crew, downCount: () => downCount, [Symbol.asyncDispose]: () => crew.close() }
}

async function until(holds: () => boolean): Promise<void> {
  const giveUpAtMs = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > giveUpAtMs) throw new Error("waited in vain")
    await Bun.sleep(10)
  }
}

const statesOf = (crew: Crew) => crew.status().engines.map(({ state }) => state)

test("an engine that is let go finishes its picture first, takes no other, and is not missed", async () => {
  await using box = await opened(1)
  const { crew } = box
  const answer = crew.analyze(picture, options)
  crew.retire()
  expect([crew.hasFree(), crew.readyCount, crew.count]).toEqual([false, 0, 0])
  expect(statesOf(crew)).toEqual(["stopping"])
  expect((await answer).kind).toBe("analysis")
  await until(() => statesOf(crew).length === 0)
  expect(crew.status().restarts).toBe(0)

  crew.grow()
  expect(statesOf(crew)).toEqual(["starting"])
  await until(() => crew.hasFree())
  expect((await crew.analyze(picture, options)).kind).toBe("analysis")
})

test("an engine that stands still in the midst of a run is given up long before the time a run may take", async () => {
  await using box = await opened(1, selfCommand(), { stuckRunMs: 600_000, idleRunMs: 1000 })
  const [engine] = box.crew.status().engines
  process.kill(engine?.pid ?? 0, "SIGSTOP")
  const answer = await box.crew.analyze(picture, options)
  expect(answer).toMatchObject({ kind: "lost", why: expect.stringContaining("no processor time used for 1000 ms") })
  await until(() => box.crew.hasFree())
  expect((await box.crew.analyze(picture, options)).kind).toBe("analysis")
})

test("an engine that was to be added and does not start is not tried again, and the box is as well as before", async () => {
  await using box = await opened(0, ["/bin/false"])
  const { crew } = box
  crew.grow()
  expect(crew.status().reasons).toEqual([])
  await until(() => box.downCount() === 1)
  expect([crew.count, crew.status().restarts]).toEqual([0, 0])
})

test("engines that cannot start say why, and are tried again", async () => {
  await using box = await opened(1, ["/bin/false"])
  expect(box.downCount()).toBe(1)
  const { state, reasons } = box.crew.status()
  expect([state, reasons]).toEqual(["down", [expect.stringContaining("exit code 1")]])
  await until(() => box.crew.status().restarts >= 2)
})
