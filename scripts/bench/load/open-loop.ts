import { nowTickMs } from "../../../app/base/ticks.ts"
import { type Answered, ask, type Target } from "../support/client.ts"
import type { Operations } from "./operations.ts"
import type { Operation } from "./options.ts"

/** One request of an open loop, in milliseconds from its start. */
export interface Sent {
  readonly operation: Operation
  readonly dueMs: number
  /** How much later than due it really left: the generator's own delay. */
  readonly lateMs: number
  /** From the moment it was due: a request that had to wait for its sender has waited all the same. */
  readonly latencyMs: number
  readonly answer: Pick<Answered, "status" | "accepted" | "tookMs">
}

/** How far ahead of a due request the timer may sleep: Bun's timers have a resolution of one millisecond. */
const sleepMsMax = 50

/**
 * Sends every request when it is due, whether or not those before it were answered. Settles when the last is answered; `ended`
 * is called when the last has left.
 */
export async function openLoop(
  target: Target,
  dueMs: Float64Array,
  draw: () => Operation,
  operations: Operations,
  deadlineMs: number | undefined,
  ended: () => void,
): Promise<Sent[]> {
  const startTickMs = nowTickMs()
  const all: Promise<Sent>[] = []
  let next = 0
  while (next < dueMs.length) {
    const atMs = nowTickMs() - startTickMs
    for (; next < dueMs.length && dueMs[next]! <= atMs; next++) all.push(send(dueMs[next]!, next))
    if (next < dueMs.length) await Bun.sleep(Math.min(sleepMsMax, Math.max(0, dueMs[next]! - (nowTickMs() - startTickMs))))
  }
  ended()
  return await Promise.all(all)

  async function send(due: number, caller: number): Promise<Sent> {
    const operation = draw()
    const asked = operations.prepare(operation, caller)
    const lateMs = nowTickMs() - startTickMs - due
    const { status, accepted, tookMs } = await ask(target, asked, deadlineMs)
    return { operation, dueMs: due, lateMs, latencyMs: lateMs + tookMs, answer: { status, accepted, tookMs } }
  }
}
