import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Answered } from "./client.ts"
import { roundTo, type Summary, summarise } from "./statistics.ts"

export interface ClosedLoop {
  readonly perSecond: number
  readonly latencyMs: Summary
  /** Of accepted answers, one by one. */
  readonly tookMs: readonly number[]
  /** Answers that were no 2xx, by status. */
  readonly refused: Readonly<Record<string, number>>
}

/**
 * So many clients, each of which asks again as soon as it is answered. Throughput counts accepted answers from the first to the
 * last moment in which every client was at work.
 * @param send told which client asks
 */
export async function closedLoop(
  clients: number,
  seconds: number,
  send: (client: number) => Promise<Answered>,
): Promise<ClosedLoop> {
  const startTickMs = nowTickMs()
  const endTickMs = startTickMs + seconds * 1000
  const tookMs: number[] = []
  const refused: Record<string, number> = {}
  let acceptedInTime = 0
  const run = async (client: number) => {
    while (nowTickMs() < endTickMs) {
      const answer = await send(client)
      if (!answer.accepted) {
        refused[answer.status] = (refused[answer.status] ?? 0) + 1
        // What refuses at once would be asked in a hot loop.
        await Bun.sleep(5)
        continue
      }
      tookMs.push(answer.tookMs)
      if (nowTickMs() <= endTickMs) acceptedInTime++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)))
  return { perSecond: roundTo(acceptedInTime / seconds, 3), latencyMs: summarise(tookMs), tookMs, refused }
}
