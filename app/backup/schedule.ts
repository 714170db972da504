import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Result } from "../base/result.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { BackupOptions } from "./options.ts"
import type { Shelf, ShelvedBackup } from "./shelf.ts"

export interface BackupStatus {
  readonly state: "idle" | "running"
  /** Why the last one failed; absent when it did not. */
  readonly failure?: string
}

/** The backups of a running box. */
export interface Backups {
  list(): Promise<readonly ShelvedBackup[]>
  status(): BackupStatus
  /** Begins one now; `busy` while one is being made. */
  begin(): "begun" | "busy"
  close(): Promise<void>
}

export interface BackupsNeeds {
  readonly shelf: Shelf
  /** Makes one, in a process of its own; gives up when the signal says so. */
  readonly make: (file: string, number: number, signal: AbortSignal) => Promise<Result<void>>
  readonly metrics: Pick<Metrics, "backupsTotal" | "backupAtSeconds">
  readonly log: Log
}

const lookEveryMs = 60_000
const hourMs = 60 * 60 * 1000
/** A box that has just started has other things to do; one that is started again and again still gets its backups. */
const firstAfterMs = 10 * 60_000
/** After one that failed: the disk may have room again. */
const againAfterMs = hourMs

/**
 * When the next one is due. Within one run of the program ticks decide, so that a clock that leaps changes nothing; over a
 * restart only the wall clock knows, and being wrong costs one backup too many.
 * @param sinceTryMs since this program last tried, in ticks; absent before the first time
 */
export function isDue(
  now: { readonly upMs: number; readonly atMs: number; readonly sinceTryMs?: number; readonly failed: boolean },
  newest: Pick<ShelvedBackup, "createdAtMs"> | undefined,
  everyHours: number,
): boolean {
  if (everyHours === 0) return false
  const everyMs = everyHours * hourMs
  if (now.sinceTryMs !== undefined) return now.sinceTryMs >= (now.failed ? Math.min(againAfterMs, everyMs) : everyMs)
  if (now.upMs < Math.min(firstAfterMs, everyMs)) return false
  return newest === undefined || Math.abs(now.atMs - newest.createdAtMs) >= everyMs
}

/** Makes backups when they are due and when asked, one at a time, and lets the oldest leave. */
export function keepBackups({ shelf, make, metrics, log }: BackupsNeeds, options: Pick<BackupOptions, "everyHours">): Backups {
  const stopping = new AbortController()
  const openedTickMs = nowTickMs()
  let triedTickMs: number | undefined
  let failure: string | undefined
  let running: Promise<void> | undefined

  const timer = setInterval(() => {
    look().catch((error) => log.error({ err: error }, "a bug: the backups were not looked after"))
  }, lookEveryMs)
  timer.unref()

  async function look(): Promise<void> {
    const newest = (await shelf.list())[0]
    if (newest !== undefined) metrics.backupAtSeconds.set(newest.createdAtMs / 1000)
    const sinceTry = triedTickMs === undefined ? {} : { sinceTryMs: nowTickMs() - triedTickMs }
    const now = { upMs: nowTickMs() - openedTickMs, atMs: Date.now(), ...sinceTry, failed: failure !== undefined }
    if (running === undefined && isDue(now, newest, options.everyHours)) begin()
  }

  function begin(): "begun" | "busy" {
    if (running !== undefined || stopping.signal.aborted) return "busy"
    triedTickMs = nowTickMs()
    running = makeOne().finally(() => {
      running = undefined
    })
    return "begun"
  }

  async function makeOne(): Promise<void> {
    const startTickMs = nowTickMs()
    const made = await tryOne()
    if (stopping.signal.aborted && made.kind === "failed") return
    metrics.backupsTotal.inc({ result: made.kind === "ok" ? "made" : "failed" })
    failure = made.kind === "ok" ? undefined : made.why
    if (made.kind === "failed") {
      log.error({ why: made.why }, "a backup could not be made")
      return
    }
    metrics.backupAtSeconds.set(Date.now() / 1000)
    log.info({ number: made.value, ms: Math.round(nowTickMs() - startTickMs) }, "a backup was made")
  }

  /** The number of the one that was made. */
  async function tryOne(): Promise<Result<number>> {
    try {
      const { file, number } = await shelf.next(Date.now())
      const made = await make(file, number, stopping.signal)
      if (made.kind === "failed") return made
      await shelf.trim()
      return { kind: "ok", value: number }
    } catch (error) {
      return { kind: "failed", why: error instanceof Error ? error.message : String(error) }
    }
  }

  return {
    list: shelf.list,
    status: () => ({ state: running === undefined ? "idle" : "running", ...(failure === undefined ? {} : { failure }) }),
    begin,
    async close() {
      clearInterval(timer)
      stopping.abort()
      await running
    },
  }
}
