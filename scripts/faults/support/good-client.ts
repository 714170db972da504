import { nowTickMs } from "../../../app/base/ticks.ts"
import { type Summary, summarise } from "../../bench/support/statistics.ts"

/** How a client fares that means no harm while others do. */
export interface GoodClientFigures {
  /** From when a request was due, so that what waits behind a slow one counts as well. Every answer, 200 or not. */
  readonly latencyMs: Summary
  /** `200`, `503`, `lost` when there was no answer. */
  readonly statuses: Readonly<Record<string, number>>
}

export interface GoodClient {
  stop(): Promise<GoodClientFigures>
}

/** Asks one after the other, one due every `everyMs`, until it is stopped. */
export function startGoodClient(ask: () => Promise<Response>, everyMs: number): GoodClient {
  const tookMs: number[] = []
  const statuses: Record<string, number> = {}
  let stopped = false
  const asking = (async () => {
    for (let dueTickMs = nowTickMs(); !stopped; dueTickMs += everyMs) {
      const earlyMs = dueTickMs - nowTickMs()
      if (earlyMs > 0) await Bun.sleep(earlyMs)
      const status = await statusOf(ask)
      tookMs.push(nowTickMs() - dueTickMs)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  })()
  return {
    stop: async () => {
      stopped = true
      await asking
      return { latencyMs: summarise(tookMs), statuses }
    },
  }
}

async function statusOf(ask: () => Promise<Response>): Promise<string> {
  try {
    const response = await ask()
    await response.arrayBuffer()
    return String(response.status)
  } catch {
    // A connection that was refused or cut: that is what this client is there to notice.
    return "lost"
  }
}
