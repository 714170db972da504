import type { Log } from "../../base/log.ts"
import { nowTickMs } from "../../base/ticks.ts"
import { createAlarm } from "./alarm.ts"

/**
 * Turns what people changed at this box into records, page by page and beside everything else, whether there is a hub or not.
 * What a session meets before that is drained in its own transactions (see gallery/recorder.ts).
 */
export interface RecordingNeeds {
  /** A page of the gallery's changes, in a transaction of its own. How many changes it held; fewer than `pageMax` when they were the last. */
  readonly drain: () => number
  readonly pageMax: number
  /** A page of the people who were here before the box joined its site; 0 when there are none left. */
  readonly backlogPage: () => number
  /** Whether another process has changed the gallery since it was asked last. */
  readonly hasChanged: () => boolean
  /** Records were written. */
  readonly recorded: () => void
  readonly log: Pick<Log, "error">
}

/** How soon another process' changes are seen: commands beside the service, imports. */
const glanceMs = 250
/** Between pages others have their turn. */
const restMs = 1
/** Changes that follow each other so quickly are written together: many at once cost few commits, and a single one waits for nothing. */
const togetherMs = 4
/** A disk that is full or broken has said so to whoever wanted to write; recording goes on later. */
const failedMs = 5000

export interface Recording {
  /** Something was committed in this process. */
  changed(): void
  /**
   * Resolves when all was recorded that was changed before, while the box did not serve: page by page, here. A session would do it in
   * its first transaction, and nobody at a door had an answer meanwhile. Also when it could not be recorded, or the box stops.
   */
  readonly caughtUp: Promise<void>
  close(): Promise<void>
}

export function createRecording({ drain, pageMax, backlogPage, hasChanged, recorded, log }: RecordingNeeds): Recording {
  const alarm = createAlarm()
  let isStopping = false
  let isChanged = true
  const caughtUp = Promise.withResolvers<void>()
  let recordedTickMs = Number.NEGATIVE_INFINITY

  /** Whether there may be more. */
  function step(): boolean {
    isChanged = false
    const count = drain()
    // Who comes anew is known everywhere before those who were there already.
    const earlier = count > 0 ? 0 : backlogPage()
    if (count + earlier > 0) {
      recordedTickMs = nowTickMs()
      recorded()
      // Once more after a rest: there may be people from before.
      isChanged = true
    }
    return count >= pageMax || earlier > 0
  }

  /** Whoever made the change is answered first. */
  async function untilDue(): Promise<void> {
    const sinceMs = nowTickMs() - recordedTickMs
    if (sinceMs < togetherMs) await Bun.sleep(togetherMs - sinceMs)
    else await new Promise<void>((resolve) => setImmediate(resolve))
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      if (isChanged || hasChanged()) {
        try {
          await untilDue()
          while (!isStopping && step()) await Bun.sleep(restMs)
          caughtUp.resolve()
        } catch (error) {
          log.error({ err: error }, "changes of the gallery could not be recorded for the site; it is tried again")
          isChanged = true
          caughtUp.resolve()
          await alarm.wait(failedMs)
        }
      }
      if (!isChanged) await alarm.wait(glanceMs)
    }
  }
  const running = run().finally(() => caughtUp.resolve())

  return {
    caughtUp: caughtUp.promise,
    changed() {
      isChanged = true
      alarm.ring()
    },
    async close() {
      isStopping = true
      alarm.ring()
      await running
    },
  }
}
