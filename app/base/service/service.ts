import type { Log } from "../log.ts"
import type { Datagrams } from "./datagrams.ts"

/** Whoever started this process and watches over it: systemd, or somebody who speaks as it does (sd_notify(3)). */
export interface Service {
  /**
   * It serves: told once; from then on the watch is kept, if one is wanted.
   * @param silentForMs for how long the most silent of those that do the work has not been heard of: the event loop may run, and
   *   nothing be done all the same
   */
  ready(silentForMs: () => number): void
  /** It has been told to stop and does so. The watch goes on while it does. */
  stopping(): void
  close(): void
}

export interface ServiceNeeds {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  readonly log: Pick<Log, "info" | "warn" | "error">
}

/** Told four times within what the watcher waits, so that one loss and one slow moment harm nothing. */
const beatsPerWait = 4

/** Of what the watcher waits. Engines that fall silent are replaced sooner than that; one that cannot be killed is not. */
const silentShareMax = 1 / 2

const unwatched: Service = { ready: () => {}, stopping: () => {}, close: () => {} }

/** Where nobody watches, nothing is loaded and nothing said. */
export async function openService(needs: ServiceNeeds): Promise<Service> {
  const { env, log } = needs
  const address = env.NOTIFY_SOCKET
  if (address === undefined || address === "") return unwatched
  const { openDatagrams } = await import("./datagrams.ts")
  const opened = openDatagrams(address)
  if (opened.kind === "ok") return createService(opened.value, watchMsOf(needs), log)
  log.error(
    { why: opened.why },
    "the service manager cannot be told anything; it may take this process for one that never starts",
  )
  return unwatched
}

/** @param watchMs after so long without a word the watcher kills the process; `undefined` where nobody waits for one */
export function createService(datagrams: Datagrams, watchMs: number | undefined, log: ServiceNeeds["log"]): Service {
  let timer: Timer | undefined
  let silentForMs = () => 0
  let said: string | undefined
  let isHeard = true
  let isStopping = false
  let isReadyHeard = false

  return {
    ready: (silence) => {
      // Told to stop before it got that far.
      if (isStopping) return
      silentForMs = silence
      isReadyHeard = tell("READY=1\nSTATUS=serving")
      if (watchMs === undefined) return
      const silentMsMax = watchMs * silentShareMax
      beat(silentMsMax)
      timer = setInterval(beat, watchMs / beatsPerWait, silentMsMax)
      log.info({ watchMs }, "the service manager watches over this process")
    },
    stopping: () => {
      isStopping = true
      tell("STOPPING=1\nSTATUS=stopping")
    },
    close: () => {
      clearInterval(timer)
      datagrams.close()
    },
  }

  /** Runs on the event loop, so a loop that hangs is silent by itself. */
  function beat(silentMsMax: number) {
    // Its queue was full just then: whoever never hears it kills this process as one that did not start.
    if (!isReadyHeard && !isStopping) isReadyHeard = tell("READY=1")
    const why = silentForMs() > silentMsMax ? `nothing was heard of an engine for ${silentMsMax} ms` : undefined
    if (why === undefined) tell("WATCHDOG=1")
    if (why === said) return
    said = why
    if (why === undefined) log.warn("all is well again: the watchdog is told so")
    else log.error({ why, watchMs }, "not well: the watchdog is told nothing, and kills this process unless that passes")
    tell(`STATUS=${why ?? "serving"}`)
  }

  function tell(text: string): boolean {
    const heard = datagrams.send(text)
    if (!heard && isHeard) log.warn({ text }, "the service manager did not take a message")
    isHeard = heard
    return heard
  }
}

/** By sd_watchdog_enabled(3): microseconds, and perhaps meant for another process, which has passed its environment on. */
function watchMsOf({ env, pid }: ServiceNeeds): number | undefined {
  const us = Number(env.WATCHDOG_USEC)
  const isOurs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === pid
  return isOurs && Number.isFinite(us) && us > 0 ? us / 1000 : undefined
}
