import { type BackoffOptions, nextDelayMs } from "../../base/backoff.ts"
import type { Log } from "../../base/log.ts"
import type { Result } from "../../base/result.ts"
import { StorageTrouble } from "../../base/storage-trouble.ts"
import { nowTickMs as tickMs } from "../../base/ticks.ts"
import type { SyncOptions } from "../options.ts"
import { createPace } from "../pace.ts"
import type { Round, SessionNeeds } from "../session.ts"
import { createAlarm, pause } from "./alarm.ts"
import type { Errand } from "./errand.ts"
import type { LinkHub } from "./hub.ts"
import { createLinkBook, type LinkStatus } from "./status.ts"
import { createTalk, type Talk } from "./talk.ts"

/**
 * The talk of a box with its hub, as long as the box serves: it connects, comes back after a break, and holds one round after the
 * other. A round begins at once when this box has something to tell or the hub says that another one has, and after a while in
 * any case. Nobody at a door waits for any of it.
 */
export interface LinkNeeds {
  /** A line to the hub, or why there is none. */
  readonly connect: () => Promise<Result<LinkHub>>
  readonly session: Omit<SessionNeeds, "hub" | "pace" | "pageRecords" | "windowRecords">
  readonly errands: readonly Errand[]
  /** Why the box has nothing to talk about: it is no member of its site any more. */
  readonly mayNotTalk?: () => string | undefined
  /** After each round, whatever came of it. */
  readonly talked?: (round: Round) => void
  readonly log: Pick<Log, "info" | "warn" | "error">
  readonly nowTickMs?: () => number
}

export interface Link {
  status(): LinkStatus
  /** There is something to tell the hub. */
  nudge(): void
  close(): Promise<void>
}

/**
 * A broken line costs nothing to ask, and a hub that is back is to be noticed: a box fails over within seconds. Of a stream without
 * a leader nobody says that there is none, so each try has waited 2 s for an answer by then.
 */
const backoff: BackoffOptions = { firstMs: 250, maxMs: 1000 }
/** Nobody answers at an address: looked at less and less. */
const dialBackoff: BackoffOptions = { firstMs: 250, maxMs: 30_000 }
/** A gallery that is not in order waits for a person, who may repair it without a restart. */
const stoppedMs = 60_000
/** So many failures over a line that stands: the hub may have been set up anew, and opening it says what is wrong. */
const failuresMax = 12
const glanceMs = 250
/** After a round that ended by a bug: others may go well, and nobody is to wait for a restart. */
const brokenMs = 10_000
/** A box that stops waits so long for answers under way. */
const leavingMs = 1000

export function createLink(needs: LinkNeeds, options: SyncOptions): Link {
  const { log, nowTickMs = tickMs } = needs
  const alarm = createAlarm()
  const stopping = new AbortController()
  const { signal } = stopping
  const book = createLinkBook(nowTickMs)
  const paceNeeds = { nowTickMs, sleepMs: (ms: number) => pause(ms, signal) }
  const paceBytes = createPace(options.bytesPerSecondMax ?? undefined, paceNeeds)
  const pace = createPace(options.catchUpRecordsPerSecondMax ?? undefined, paceNeeds)
  let open: LinkHub | undefined

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const connected = await needs.connect()
      if (connected.kind === "ok") {
        failures = 0
        await talkOver(connected.value)
      } else {
        failures++
        say(connected.why)
        await pause(nextDelayMs(failures, dialBackoff), signal)
      }
    }
  }

  /** Until the box stops, or the hub has to be opened anew. */
  async function talkOver(hub: LinkHub): Promise<void> {
    open = hub
    const talk = createTalk(hub, needs, { paceBytes, pace, options, ring: alarm.ring, nowTickMs })
    book.connected(hub, talk.traffic)
    try {
      for (let failures = 0; !signal.aborted && (failures < failuresMax || hub.server() === undefined); ) {
        const generation = hub.generation()
        const talked = await stepOver(talk)
        needs.talked?.(talked)
        book.talked(talked)
        if (talked.kind === "unreachable") {
          failures++
          say(talked.why)
          await whileFailing(hub, generation, nextDelayMs(failures, backoff))
          continue
        }
        failures = 0
        if (talked.kind === "stopped") {
          say(talked.why)
          await pause(stoppedMs, signal)
        } else {
          heal()
          await alarm.wait(talk.nextInMs())
        }
      }
    } finally {
      await talk.close()
      open = undefined
      book.disconnected()
      await hub.close()
    }
  }

  /** A disk that does not take what was read is as good as a hub that says nothing: it is asked again. */
  async function stepOver(talk: Talk): Promise<Round> {
    try {
      return await talk.step()
    } catch (error) {
      // A command beside the service took the site away under it.
      const whyNot = needs.mayNotTalk?.()
      if (whyNot !== undefined) return { kind: "stopped", why: whyNot }
      if (error instanceof StorageTrouble) return { kind: "unreachable", why: `this box's own disk: ${error.message}` }
      log.error({ err: error }, "a bug: a round with the hub ended in the middle; it is tried again")
      await pause(brokenMs, signal)
      return { kind: "unreachable", why: "a bug ended the last round: the log has the cause" }
    }
  }

  /** Own changes are no reason to ask a hub that is not there; that it is back is one. */
  async function whileFailing(hub: LinkHub, generation: number, ms: number): Promise<void> {
    const untilTickMs = nowTickMs() + ms
    while (!signal.aborted && nowTickMs() < untilTickMs && hub.generation() === generation)
      await pause(Math.min(glanceMs, untilTickMs - nowTickMs()), signal)
  }

  let told: string | undefined

  /** Once for each reason. */
  function say(why: string): void {
    book.failed(why)
    if (told !== why) log.warn({ why }, "the talk with the hub of the site")
    told = why
  }

  function heal(): void {
    if (told === undefined) return
    log.info({ server: open?.server() }, "the talk with the hub of the site goes on")
    told = undefined
  }

  const running = run().catch((error) => {
    book.failed("a bug ended the talk with the hub: the log has the cause; a restart begins it anew")
    log.error({ err: error }, "a bug: the talk with the hub ended")
  })

  return {
    status: book.status,
    nudge: alarm.ring,
    async close() {
      stopping.abort()
      alarm.ring()
      await Promise.race([running, Bun.sleep(leavingMs)])
      // What is under way still gets no answer any more.
      await open?.close()
      await Promise.race([running, Bun.sleep(leavingMs)])
    },
  }
}
