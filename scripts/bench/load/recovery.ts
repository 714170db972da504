import { nowTickMs } from "../../../app/base/ticks.ts"
import type { Answered } from "../support/client.ts"
import { median } from "../support/statistics.ts"

/** So many answers in a row say that a box is itself again. */
const inARow = 20
/** Their median may be this much above the one before the load: two runs of the same differ by less. */
const normalShareMax = 1.25

/**
 * Asks one after the other from the end of a load on, as before it.
 * @param unloadedP50Ms the median before the load
 * @returns milliseconds until the first normal answer of 20 accepted in a row whose median is normal; `undefined`: not within `seconds`
 */
export async function untilNormal(
  send: () => Promise<Answered>,
  unloadedP50Ms: number,
  seconds: number,
): Promise<number | undefined> {
  const startTickMs = nowTickMs()
  const window: { readonly sinceMs: number; readonly tookMs: number }[] = []
  while (nowTickMs() - startTickMs < seconds * 1000) {
    const sinceMs = nowTickMs() - startTickMs
    const { accepted, tookMs } = await send()
    if (!accepted) {
      window.length = 0
      // A box that refuses at once would be asked in a hot loop.
      await Bun.sleep(10)
      continue
    }
    window.push({ sinceMs, tookMs })
    if (window.length > inARow) window.shift()
    if (window.length < inARow) continue
    const slowestMs = unloadedP50Ms * normalShareMax
    // The first one too: it may have waited behind what the load left in the queue.
    if (window[0]!.tookMs <= slowestMs && median(window.map((one) => one.tookMs)) <= slowestMs)
      return Math.round(window[0]!.sinceMs)
  }
  return undefined
}
