import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { startBox } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const picture = readFileSync(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample1.jpg"))

/** Of one hit, wherever it falls: until the next 200, and until another process has taken the place of the one that was hit. */
const replacedMsMax = 20_000

/** Asks without pause until told to stop; every answer is kept with the time it came. */
function askWithoutPause(ask: () => Promise<Response>) {
  const answers: { status: number; retryAfter: string | null; faces: number; atMs: number }[] = []
  let stopped = false
  const loop = (async () => {
    while (!stopped) {
      const response = await ask()
      const body = (await response.json()) as { faces?: unknown[] }
      const retryAfter = response.headers.get("retry-after")
      answers.push({ status: response.status, retryAfter, faces: body.faces?.length ?? 0, atMs: performance.now() })
      if (response.status === 503) await Bun.sleep(20)
    }
  })()
  const stop = () => {
    stopped = true
    return loop
  }
  return { answers, stop }
}

test.each([
  // What a box of two cores runs by itself: one engine answers while the other comes back.
  { signal: "SIGKILL", engines: "2", hits: 20, serviceBackMsMax: 2000 },
  // With a single engine the gap is the start of a new one.
  { signal: "SIGKILL", engines: "1", hits: 3, serviceBackMsMax: 10_000 },
  { signal: "SIGSTOP", engines: "1", hits: 1, serviceBackMsMax: 20_000 },
] as const)(
  "$engines engine(s), $hits × $signal under load: only 200 or 503 with Retry-After, and service comes back",
  async ({ signal, engines, hits, serviceBackMsMax }) => {
    using folder = tempFolder()
    await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: engines })
    const ask = () => box.ask("/v1/recognize", { method: "POST", body: picture, headers: { "content-type": "image/jpeg" } })
    const first = (await (await ask()).json()) as { faces: unknown[] }
    expect(first.faces.length).toBeGreaterThan(0)

    const load = [askWithoutPause(ask), askWithoutPause(ask)]
    const answers = () => load.flatMap((asking) => asking.answers)
    const gapsMs: number[] = []
    for (let hit = 0; hit < hits; hit++) {
      const pids = await untilAllReady(Number(engines))
      const pid = pids[hit % pids.length] as number
      const hitAtMs = performance.now()
      process.kill(pid, signal)
      while ((await box.enginePids()).includes(pid)) {
        if (performance.now() - hitAtMs > replacedMsMax)
          throw new Error(`the hit engine was still counted after ${replacedMsMax} ms`)
        await Bun.sleep(10)
      }
      await untilAllReady(Number(engines))
      gapsMs.push(await gapAfter(hitAtMs))
    }
    await Promise.all(load.map(({ stop }) => stop()))

    expect(
      answers().filter(({ status, retryAfter }) => status !== 200 && !(status === 503 && Number(retryAfter) >= 1)),
    ).toEqual([])
    for (const { status, faces } of answers()) if (status === 200) expect(faces).toBe(first.faces.length)
    // The hits did land in the middle of runs.
    expect(answers().some(({ status }) => status === 503)).toBe(true)
    expect(Math.max(...gapsMs)).toBeLessThan(serviceBackMsMax)

    async function untilAllReady(count: number): Promise<number[]> {
      const giveUpAtMs = performance.now() + replacedMsMax
      while (performance.now() < giveUpAtMs) {
        const pids = await box.enginePids()
        if (pids.length === count) return pids
        await Bun.sleep(10)
      }
      throw new Error(`not ${count} engines after ${replacedMsMax} ms`)
    }

    /** From the hit to the first 200 that came after it. */
    async function gapAfter(hitAtMs: number): Promise<number> {
      for (;;) {
        const back = answers().filter(({ status, atMs }) => status === 200 && atMs > hitAtMs)
        if (back.length > 0) return Math.min(...back.map(({ atMs }) => atMs - hitAtMs))
        await Bun.sleep(10)
      }
    }
  },
  240_000,
)
