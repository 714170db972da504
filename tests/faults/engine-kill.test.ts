import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { startBox } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const picture = readFileSync(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample1.jpg"))
const kills = 20
const backWithinMs = 2000

/** Asks without pause until told to stop; every answer is kept with the time it came. */
function askWithoutPause(ask: () => Promise<Response>) {
  const answers: { status: number; retryAfter: string | null; faces: number; atMs: number }[] = []
  let stopped = false
  const loop = (async () => {
    while (!stopped) {
      const response = await ask()
      const body = (await response.json()) as { faces?: unknown[] }
      answers.push({
        status: response.status,
        retryAfter: response.headers.get("retry-after"),
        faces: body.faces?.length ?? 0,
        atMs: performance.now(),
      })
      if (response.status === 503) await Bun.sleep(20)
    }
  })()
  return {
    answers,
    stop: () => {
      stopped = true
      return loop
    },
  }
}

test.each([["SIGKILL", kills] as const, ["SIGSTOP", 2] as const])(
  "an engine hit by %s under load: every answer is 200 or 503 with Retry-After, and service comes back",
  async (signal, hits) => {
    using folder = tempFolder()
    await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
    const ask = () => box.ask("/v1/recognize", { method: "POST", body: picture, headers: { "content-type": "image/jpeg" } })
    const first = (await (await ask()).json()) as { faces: unknown[] }
    expect(first.faces.length).toBeGreaterThan(0)

    const load = askWithoutPause(ask)
    const gapsMs: number[] = []
    for (let hit = 0; hit < hits; hit++) {
      const [pid] = await box.enginePids()
      if (pid === undefined) throw new Error("no engine to hit")
      const hitAtMs = performance.now()
      process.kill(pid, signal)
      const answeredAgain = () => load.answers.find(({ status, atMs }) => status === 200 && atMs > hitAtMs + 5)
      while (true) {
        const pids = await box.enginePids()
        if (!pids.includes(pid) && pids.length > 0 && answeredAgain() !== undefined) break
        if (performance.now() - hitAtMs > 30_000) throw new Error(`no service 30 s after ${signal}`)
        await Bun.sleep(10)
      }
      const back = load.answers.filter(({ status, atMs }) => status === 200 && atMs > hitAtMs)
      gapsMs.push(Math.min(...back.map(({ atMs }) => atMs - hitAtMs).filter((ms) => ms > 5)))
    }
    await load.stop()

    const unexpected = load.answers.filter(
      ({ status, retryAfter }) => status !== 200 && !(status === 503 && Number(retryAfter) >= 1),
    )
    expect(unexpected).toEqual([])
    for (const { status, faces } of load.answers) if (status === 200) expect(faces).toBe(first.faces.length)
    expect(load.answers.some(({ status }) => status === 503)).toBe(true)
    const slowestMs = Math.max(...gapsMs)
    expect(slowestMs).toBeLessThan(signal === "SIGKILL" ? backWithinMs : 12_000)
  },
  180_000,
)
