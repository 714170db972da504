import { nowTickMs } from "../base/ticks.ts"
import type { Analyze } from "../pipeline/analyze.ts"

/** Nobody waits at a camera: an engine that died is back long before this, and one picture of ten thousand must not be lost to it. */
const patienceMs = 60_000

/** Asks again while the engines say that it is worth another try. */
export function patient(analyze: Analyze): Analyze {
  return async (work) => {
    const deadlineTickMs = nowTickMs() + patienceMs
    for (;;) {
      const answer = await analyze({ ...work, deadlineTickMs })
      if (answer.kind !== "unavailable" && answer.kind !== "overloaded") return answer
      if (nowTickMs() + answer.retryAfterS * 1000 >= deadlineTickMs) return answer
      await Bun.sleep(answer.retryAfterS * 1000)
    }
  }
}
