import { availableParallelism } from "node:os"
import { nowTickMs } from "../base/ticks.ts"
import type { EnginePool, PoolStatus } from "../inference/pool.ts"
import type { Analyze } from "../pipeline/analyze.ts"

/** As much of a pool's status as matters here. */
export interface PolitePool extends Pick<EnginePool, "analyze"> {
  status(): Pick<PoolStatus, "waiting"> & { readonly engines: readonly { readonly state: string }[] }
}

/** How often is looked whether an engine may be taken. */
const lookEveryMs = 5
/**
 * After so long the courtesies are given up one by one, but for the last of them (nobody waits): a job must come to its end on a busy
 * box, too.
 */
const patienceStepMs = 500
/** Longer than any line: work that expires counts as a caller turned away, and for them the box makes its line short. */
const deadlineMs = 600_000
/** A picture that has taken so many engines with it is not given to another. */
const lossesMax = 3

/**
 * The engines for work that nobody waits for. It is handed in while nobody waits in line; while another engine stays free, so that
 * whoever comes finds one at once; and, where the engines take all cores, while nobody else's picture is in hand, which a second run
 * would slow down. Being turned away never counts as an answer, and engines that are down are waited for.
 */
export function politely(pool: PolitePool, signal: AbortSignal, cores = availableParallelism()): Analyze {
  let ours = 0

  function mayBegin(waitedMs: number): boolean {
    const { waiting, engines } = pool.status()
    const idle = engines.filter(({ state }) => state === "idle").length
    const busy = engines.filter(({ state }) => state === "busy").length
    if (waiting > 0 || idle === 0) return false
    if (idle + busy > 1 && idle === 1) return waitedMs > 2 * patienceStepMs
    return idle + busy < cores || busy <= ours || waitedMs > patienceStepMs
  }

  async function untilSpare(): Promise<void> {
    const sinceTickMs = nowTickMs()
    while (!signal.aborted && !mayBegin(nowTickMs() - sinceTickMs)) await Bun.sleep(lookEveryMs)
  }

  return async (work) => {
    for (let losses = 0; ; ) {
      await untilSpare()
      if (signal.aborted) return { kind: "abandoned" }
      ours += 1
      const answer = await pool.analyze({
        ...work,
        priority: "background",
        policy: "reject",
        deadlineTickMs: nowTickMs() + deadlineMs,
        signal,
      })
      ours -= 1
      if (answer.kind === "unavailable") losses += 1
      const isAnswer = answer.kind === "ok" || answer.kind === "refused" || answer.kind === "abandoned"
      if (isAnswer || losses >= lossesMax) return answer
      await rest(answer.retryAfterS * 1000, signal)
    }
  }
}

/** Ends sooner when the signal says so. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const stop = () => resolve()
  signal.addEventListener("abort", stop, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener("abort", stop)
}
