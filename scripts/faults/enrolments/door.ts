import { type RunningBox, testAdminKey } from "../../../tests/support/box.ts"
import { median, roundTo } from "../../bench/support/statistics.ts"
import { type GoodClientFigures, startGoodClient } from "../support/good-client.ts"
import type { Run } from "./jobs.ts"

/** Somebody who asks whom a camera sees, again and again. */

export async function doorWindow({ url }: RunningBox, everyMs: number, seconds: number): Promise<GoodClientFigures> {
  const door = startGoodClient({ url, key: testAdminKey }, "recognise", everyMs)
  await Bun.sleep(seconds * 1000)
  return await door.stop()
}

/** Does the work while the door asks, from beginning to end. */
export async function besideDoor(
  { url }: RunningBox,
  everyMs: number,
  work: () => Promise<Run>,
): Promise<{ readonly run: Run; readonly door: GoodClientFigures }> {
  const door = startGoodClient({ url, key: testAdminKey }, "recognise", everyMs)
  const run = await work()
  return { run, door: await door.stop() }
}

export function toldDoor(figures: readonly GoodClientFigures[]): string {
  const of = (share: "p50" | "p99") => roundTo(median(figures.map(({ latencyMs }) => latencyMs[share])), 1)
  const requests = figures.reduce((sum, window) => sum + window.requests, 0)
  return `p50 ${of("p50")}, p99 ${of("p99")} ms (medians of ${figures.length} windows, n ${requests})`
}
