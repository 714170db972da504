import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Target } from "../../bench/support/client.ts"
import { askWithKey, engineState } from "../support/box.ts"

export interface HitOptions {
  readonly signal: "SIGKILL" | "SIGSTOP"
  readonly hits: number
  /** How many engines serve when nothing is wrong. */
  readonly engines: number
  /** JPEG with a face or more; made new for each request when it is a function, so that no cache answers. */
  readonly picture: () => Uint8Array<ArrayBuffer>
  readonly clients: number
}

export interface EngineAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly faces: number
  readonly degraded: boolean
  readonly tickMs: number
}

export interface Hits {
  /** Of each hit: from it until the next 200 that any of the clients got. */
  readonly gapsMs: readonly number[]
  /** Of each hit: until as many engines served as before. */
  readonly healedMs: readonly number[]
  readonly answers: readonly EngineAnswer[]
}

/** Of one hit: an engine that is neither replaced nor answering by then never will be. */
const healedMsMax = 30_000

/** Sends a signal to one engine after the other, always of a whole box, while clients ask without pause. */
export async function hitEngines(target: Target, options: HitOptions, step?: (hit: number) => void): Promise<Hits> {
  const answers: EngineAnswer[] = []
  let stopped = false
  const clients = Array.from({ length: options.clients }, async () => {
    while (!stopped) {
      const answer = await askOnce(target, options.picture())
      answers.push(answer)
      // A client that is refused waits a little, as any would, but not long enough to miss how quickly the box is back.
      if (answer.status !== 200) await Bun.sleep(20)
    }
  })
  const gapsMs: number[] = []
  const healedMs: number[] = []
  try {
    for (let hit = 0; hit < options.hits; hit++) {
      const pids = await untilServing(target, options.engines)
      const pid = pids[hit % pids.length]!
      const hitTickMs = nowTickMs()
      process.kill(pid, options.signal)
      while ((await engineState(target)).servingPids.includes(pid)) {
        if (nowTickMs() - hitTickMs > healedMsMax)
          throw new Error(`engine ${pid} was still counted ${healedMsMax} ms after ${options.signal}`)
        await Bun.sleep(10)
      }
      await untilServing(target, options.engines)
      healedMs.push(nowTickMs() - hitTickMs)
      gapsMs.push((await firstSince(answers, hitTickMs)) - hitTickMs)
      step?.(hit + 1)
    }
  } finally {
    stopped = true
    await Promise.all(clients)
  }
  return { gapsMs, healedMs, answers }
}

/** 200 for what was asked, or 429 or 503 with the time to wait: all a caller may ever see of an engine's death. */
export function isStated({ status, retryAfter }: EngineAnswer): boolean {
  return status === 200 || ((status === 429 || status === 503) && Number(retryAfter) >= 1)
}

async function askOnce(target: Target, body: Uint8Array<ArrayBuffer>): Promise<EngineAnswer> {
  const response = await askWithKey(target, "/v1/recognize", {
    method: "POST",
    headers: { "content-type": "image/jpeg" },
    body,
  })
  const answer = (await response.json()) as { faces?: unknown[]; degraded?: unknown[] }
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    faces: answer.faces?.length ?? 0,
    degraded: (answer.degraded?.length ?? 0) > 0,
    tickMs: nowTickMs(),
  }
}

async function untilServing(target: Target, engines: number): Promise<number[]> {
  const startTickMs = nowTickMs()
  while (nowTickMs() - startTickMs < healedMsMax) {
    const { servingPids } = await engineState(target)
    if (servingPids.length === engines) return servingPids
    await Bun.sleep(10)
  }
  throw new Error(`not ${engines} engines after ${healedMsMax} ms`)
}

async function firstSince(answers: readonly EngineAnswer[], sinceTickMs: number): Promise<number> {
  for (;;) {
    const first = answers.find(({ status, tickMs }) => status === 200 && tickMs > sinceTickMs)
    if (first !== undefined) return first.tickMs
    await Bun.sleep(10)
  }
}
