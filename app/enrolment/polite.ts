import { nowTickMs } from "../base/ticks.ts"
import type { EnginePool, PoolStatus } from "../inference/pool.ts"
import type { Analyze } from "../pipeline/analyze.ts"

/** As much of a pool's status as matters here. */
export interface PolitePool extends Pick<EnginePool, "analyze"> {
  status(): Pick<PoolStatus, "waiting"> & { readonly engines: readonly { readonly state: string }[] }
}

/** How often is looked whether an engine may be taken. */
const lookEveryMs = 10
/** After so long without a spare engine the last free one will do: a job must come to its end on a busy box, too. */
const spareWaitMs = 1000
/** Longer than any line: work that expires counts as a caller turned away, and for them the box makes its line short. */
const patienceMs = 600_000
/** A picture that has taken so many engines with it is not given to another. */
const lossesMax = 3

/**
 * The engines for work that nobody waits for. It is handed in only while nobody else waits and, where there are several engines,
 * another stays free: whoever comes to a door meanwhile finds an engine at once. Being turned away never counts as an answer; engines
 * that are down are waited for.
 */
export function politely(pool: PolitePool, signal: AbortSignal): Analyze {
  async function untilSpare(): Promise<void> {
    const sinceTickMs = nowTickMs()
    while (!signal.aborted) {
      const { waiting, engines } = pool.status()
      const idle = engines.filter(({ state }) => state === "idle").length
      const ready = idle + engines.filter(({ state }) => state === "busy").length
      const spare = ready > 1 && nowTickMs() - sinceTickMs < spareWaitMs ? 2 : 1
      if (waiting === 0 && idle >= spare) return
      await Bun.sleep(lookEveryMs)
    }
  }

  return async (work) => {
    for (let losses = 0; ; ) {
      await untilSpare()
      if (signal.aborted) return { kind: "abandoned" }
      const deadlineTickMs = nowTickMs() + patienceMs
      const answer = await pool.analyze({ ...work, priority: "background", deadlineTickMs, signal })
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
