import type { GalleryStream, Unreachable } from "../hub.ts"
import type { SyncOptions } from "../options.ts"
import { type Round, round } from "../session.ts"
import { countedHub } from "./counted-hub.ts"
import { createErrandPlan, type Errand, type Ran } from "./errand.ts"
import type { LinkHub, Listening, News } from "./hub.ts"
import type { LinkNeeds } from "./link.ts"

export interface TalkOptions {
  readonly paceBytes: (bytes: number) => Promise<void>
  readonly pace: (records: number) => Promise<void>
  readonly options: SyncOptions
  readonly ring: () => void
  readonly nowTickMs: () => number
}

/** A hub that does not tell what is new is asked so often, for so long: a cluster that lost a server can need minutes for it. */
const deafPollMs = 1000
const deafMsMax = 120_000

export type Talk = ReturnType<typeof createTalk>

/** What a box does over one opened hub, step by step. */
export function createTalk(
  over: LinkHub,
  { session, errands, log, mayNotTalk = () => undefined }: LinkNeeds,
  given: TalkOptions,
) {
  const { paceBytes, pace, options, ring, nowTickMs } = given
  const { hub, traffic } = countedHub(over, paceBytes)
  const { pageRecords, windowRecords } = options
  const sessionNeeds = { ...session, hub, pace, pageRecords, windowRecords }
  const plan = createErrandPlan(errands, nowTickMs)
  let listening: Listening | undefined
  let listeningTickMs = Number.POSITIVE_INFINITY
  /** Since when nobody tells. */
  let deafTickMs = nowTickMs()
  let beginning: Promise<void> | undefined
  let generation = 0
  let verifiedTickMs = Number.NEGATIVE_INFINITY
  /** When all streams were read last; what the hub told of since. */
  let readTickMs = Number.NEGATIVE_INFINITY
  const news = new Set<GalleryStream>()
  /** Errands that failed, each told once. */
  const failing = new Map<string, string>()
  /** Errands that had an answer once. */
  const answered = new Set<Errand>()
  const beside = new Map<Errand, Promise<void>>()
  const apart = hub.apart()

  const verifyInMs = () => options.verifySeconds * 1000 - (nowTickMs() - verifiedTickMs)

  function pollMs(): number {
    const isDeaf = listening === undefined && nowTickMs() - deafTickMs < deafMsMax
    return isDeaf ? Math.min(deafPollMs, options.pollSeconds * 1000) : options.pollSeconds * 1000
  }

  function heard(told: News): void {
    if (!traffic.isForeign(told)) return
    plan.heard(told.stream)
    if (told.stream === "erasures" || told.stream === "records") news.add(told.stream)
    ring()
  }

  /** Mostly a box knows what there is to read, and what it has to tell goes at once. */
  function toRead(): ReadonlySet<GalleryStream> | undefined {
    const isAllDue =
      listening === undefined || readTickMs < listeningTickMs || nowTickMs() - readTickMs >= options.pollSeconds * 1000
    const told = new Set(news)
    news.clear()
    return isAllDue ? undefined : told
  }

  /** Not waited for: a cluster that has just lost a server takes its time with it, and answers questions long before. */
  function listenSoon(): void {
    if (beginning !== undefined) return
    const old = listening
    if (old !== undefined) deafTickMs = nowTickMs()
    listening = undefined
    beginning = listen(old)
      .catch((error) => log.error({ err: error }, "a bug: the box does not listen to the hub of the site"))
      .finally(() => {
        beginning = undefined
      })
  }

  async function listen(old: Listening | undefined): Promise<void> {
    await old?.close()
    const begun = await over.listen(heard)
    // Without it the box asks now and then: later, and no less.
    note("listening", begun.kind === "ok" ? undefined : begun.why)
    if (begun.kind === "failed") return
    listening = begun.value
    // What was written before is read now.
    listeningTickMs = nowTickMs()
    ring()
  }

  /**
   * One that gets no answer holds nothing up: its stream may be without a leader while the others have theirs. Only what comes before
   * the rounds has to be answered once: without members and keys nothing would be believed.
   */
  async function runErrands(when: "before" | "after"): Promise<Unreachable | undefined> {
    for (const errand of plan.due(when)) {
      plan.begins(errand)
      const ran = await errand.run(hub).catch((error) => {
        // This box's own disk, or a bug: it did not run.
        plan.again(errand)
        throw error
      })
      if (ran.kind === "unreachable") {
        const holdsUp = when === "before" && (over.server() === undefined || !answered.has(errand))
        if (holdsUp) plan.again(errand)
        else plan.unanswered(errand)
        if (holdsUp) return ran
      } else {
        answered.add(errand)
        if (ran.readsAgain === true) readTickMs = Number.NEGATIVE_INFINITY
      }
      note(errand.name, whyOf(ran))
    }
    return undefined
  }

  /** Once for each reason. */
  function note(name: string, why: string | undefined): void {
    if (why !== undefined && failing.get(name) !== why) log.warn({ why, errand: name }, "at the hub of the site")
    if (why === undefined) failing.delete(name)
    else failing.set(name, why)
  }

  function beginBeside(): void {
    for (const errand of plan.due("beside")) {
      plan.begins(errand)
      if (beside.has(errand)) continue
      const running = errand
        .run(apart)
        .then(
          (ran) => note(errand.name, whyOf(ran)),
          (error) => log.error({ err: error, errand: errand.name }, "a bug: an errand at the hub of the site ended"),
        )
        .finally(() => beside.delete(errand))
      beside.set(errand, running)
    }
  }

  return {
    traffic,
    /** One round, and the errands that are due. */
    async step(): Promise<Round> {
      if (over.generation() !== generation || listening?.isHeard() !== true) listenSoon()
      if (over.generation() !== generation) {
        verifiedTickMs = Number.NEGATIVE_INFINITY
        generation = over.generation()
        plan.allDue()
      }
      beginBeside()
      const unanswered = await runErrands("before")
      if (unanswered !== undefined) return unanswered
      const whyNot = mayNotTalk()
      if (whyNot !== undefined) return { kind: "stopped", why: whyNot }
      const verify = verifyInMs() <= 0
      const reads = toRead()
      const askedTickMs = nowTickMs()
      const readBeforeTickMs = readTickMs
      // What the hub told of is forgotten by now: a round that ends in the middle, by whatever, has the next one read all.
      readTickMs = Number.NEGATIVE_INFINITY
      const done = await round(sessionNeeds, { verify, ...(reads && { reads }) })
      if (done.kind !== "done") return done
      readTickMs = verify || reads === undefined ? askedTickMs : readBeforeTickMs
      if (verify) verifiedTickMs = askedTickMs
      await runErrands("after")
      return done
    },
    nextInMs: (): number => Math.max(0, Math.min(pollMs() - (nowTickMs() - readTickMs), verifyInMs(), plan.nextInMs())),
    async close(): Promise<void> {
      if (over.server() !== undefined) for (const errand of errands) await errand.leave?.()
      await beginning
      await listening?.close()
      await Promise.all(beside.values())
    },
  }
}

const whyOf = (ran: Ran): string | undefined => (ran.kind === "done" ? undefined : ran.why)
