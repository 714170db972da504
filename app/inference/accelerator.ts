import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import {
  type AcceleratorState,
  type AcceleratorStatus,
  acceleratorStates,
  type FirstOutcome,
  type Preparation,
} from "./accelerator-status.ts"
import type { EngineStatus } from "./crew.ts"
import { createGatherer, type Gatherer } from "./gatherer.ts"
import type { ModelSet } from "./manifest.ts"
import type { InferenceOptions } from "./options.ts"
import { anywhere } from "./placement/seats.ts"
import {
  type EngineAnswer,
  type EngineExit,
  type EngineLimits,
  type EngineProcess,
  type GivenPicture,
  type Ready,
  startEngine,
} from "./process.ts"
import { createProviderWatch, type Sentence, type WatchOptions, watchDefaults } from "./provider-watch.ts"
import type { AcceleratorPlan, ProviderChoice } from "./providers/choose.ts"
import type { ProviderRefusal } from "./providers/plan.ts"

/** One engine beside those on the processor, with a provider of the machine under it that may fail at any time. */
export interface Accelerator {
  /** New work is for it. */
  readonly serving: boolean
  hasFree(): boolean
  /** `failed` and `lost` have been counted when this settles; the caller asks the processor instead. */
  analyze(given: GivenPicture): Promise<EngineAnswer>
  /** What the serving engine said of itself when it got ready. */
  readonly ready: Ready | undefined
  status(): AcceleratorStatus
  firstOutcome(): Promise<FirstOutcome>
  /** For how long nothing has been heard of its engine; see `EngineProcess`. */
  silentForMs(): number
  close(): Promise<void>
}

export interface AcceleratorNeeds {
  readonly command: readonly string[]
  readonly set: ModelSet
  readonly threads: number
  /** Those of engines on the processor; what differs is said here. */
  readonly limits: EngineLimits & Pick<InferenceOptions, "acceleratedRunMs" | "batchSizeMax" | "batchWaitMs">
  readonly log: Log
  readonly metrics: Pick<Metrics, "providerState" | "providerActive" | "providerErrorsTotal" | "providerTriesTotal">
  /** Looks for libraries and probes them. Never rejects. */
  choose(signal: AbortSignal): Promise<ProviderChoice>
  /** Nobody waits and nobody works. */
  isIdle(): boolean
  /** It serves now, or does so no longer. */
  changed(): void
  /** It has room that it had not before. */
  freed(): void
  readonly watch?: WatchOptions
}

/** An engine on an accelerator, and who is for it. */
interface Post {
  readonly plan: AcceleratorPlan
  readonly engine: EngineProcess
  readonly gatherer: Gatherer
  ready: Ready | undefined
  readonly settle: (outcome: TryOutcome) => void
}

type TryOutcome =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly why: string; readonly refusals: readonly ProviderRefusal[] }

const lookEveryMs = 1000
/** A box that is never idle needs its accelerator most: so long after its time it is tried all the same. */
const overdueMs = 600_000

/** Begins to look at once; until `serving` the processor answers. */
export function openAccelerator(needs: AcceleratorNeeds): Accelerator {
  const { command, set, threads, limits, log, metrics } = needs
  const { watch: watchOptions = watchDefaults } = needs
  const watch = createProviderWatch(watchOptions)
  const closing = new AbortController()
  const first = Promise.withResolvers<FirstOutcome>()
  let state: AcceleratorState = "looking"
  let sinceMs = Date.now()
  let post: Post | undefined
  let choice: ProviderChoice = { plans: [], refusals: [] }
  /** Why the plans of the last try did not work out. */
  let tried: readonly ProviderRefusal[] = []
  let preparation: Preparation | undefined
  let rest: { readonly why: string; readonly retryTickMs: number } | undefined
  let lookAgainTickMs: number | undefined

  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  let trying: Promise<void> = begin()

  return {
    get serving() {
      return state === "serving"
    },
    get ready() {
      return state === "serving" ? post?.ready : undefined
    },
    hasFree: () => state === "serving" && post?.gatherer.hasRoom() === true,
    analyze: (given) =>
      post === undefined || state !== "serving"
        ? Promise.resolve({ kind: "lost", why: "no accelerator serves" })
        : post.gatherer.submit(given),
    status: () => ({
      state,
      active: state === "serving" && post !== undefined ? post.plan.provider : "cpu",
      sinceMs,
      ...(preparation && { preparation }),
      ...(rest && { rest: { why: rest.why, retryAtMs: Math.round(Date.now() + rest.retryTickMs - nowTickMs()) } }),
      recentErrors: watch.recentErrors(nowTickMs()),
      refusals: [...choice.refusals, ...tried, ...(state === "serving" ? (post?.ready?.refusals ?? []) : [])],
      ...(post && { engine: engineStatus(post) }),
    }),
    firstOutcome: () => first.promise,
    silentForMs: () => post?.engine.silentForMs() ?? 0,
    close: async () => {
      closing.abort()
      clearInterval(timer)
      await post?.engine.stop()
      await trying
    },
  }

  async function begin(): Promise<void> {
    enter("looking")
    const before = JSON.stringify(choice.refusals)
    choice = await needs.choose(closing.signal)
    const { refusals } = choice
    // The same again is said once.
    if (refusals.length > 0 && JSON.stringify(refusals) !== before) log.info({ refusals }, "accelerators that are not used")
    await tryPlans()
  }

  /** One after the other, best first, until one has given its known answers. */
  async function tryPlans(): Promise<void> {
    rest = undefined
    tried = []
    for (const plan of choice.plans) {
      if (closing.signal.aborted) return
      const outcome = await tryPlan(plan)
      if (closing.signal.aborted) return
      metrics.providerTriesTotal.inc({ provider: plan.provider, result: outcome.kind })
      if (outcome.kind === "ready") return serve(plan)
      tried = [...tried, ...outcome.refusals]
      log.error({ provider: plan.provider, library: plan.library, why: outcome.why }, "an accelerator did not get ready")
    }
    first.resolve({ kind: "refused", refusals: [...choice.refusals, ...tried] })
    const [best] = choice.plans
    if (best === undefined) {
      enter("absent")
      // A library that is there may only have been slow to answer, or its driver slower to start than the box.
      const hope = choice.refusals.some(({ absent = false }) => !absent)
      const again = hope ? watch.unfit(nowTickMs(), "no library did") : undefined
      lookAgainTickMs = again?.kind === "rest" ? nowTickMs() + again.delayMs : undefined
      return
    }
    carryOut(watch.unfit(nowTickMs(), `${best.provider}: ${tried[0]?.why ?? "it did not get ready"}`))
  }

  function tryPlan(plan: AcceleratorPlan): Promise<TryOutcome> {
    enter("preparing")
    log.info(
      { provider: plan.provider, library: plan.library },
      "an engine is prepared on an accelerator; the processor serves",
    )
    return new Promise((settle) => {
      const engine = startEngine(
        { command, set, threads, seat: anywhere.take(), limits: { ...limits, stuckRunMs: limits.acceleratedRunMs }, plan },
        {
          progress: ({ stage, model }) => {
            preparation = { provider: plan.provider, stage, model, sinceMs: Date.now() }
            log.info({ provider: plan.provider, stage, model }, "preparing an accelerator")
          },
          ready: (ready) => {
            own.ready = ready
            if (ready.models.some(({ placement }) => placement.active === plan.provider)) return settle({ kind: "ready" })
            void engine.stop()
            const why = `no model of ${set.name} runs on ${plan.provider}`
            settle({ kind: "refused", why, refusals: ready.refusals })
          },
          exited: (exit) => exited(own, exit),
        },
      )
      const gatherer = createGatherer(engine, limits, {
        failed: (failure) => judge(own, failure),
        freed: () => {
          if (state === "serving") needs.freed()
        },
      })
      const own: Post = { plan, engine, gatherer, ready: undefined, settle }
      post = own
    })
  }

  function serve({ provider }: AcceleratorPlan) {
    watch.ready(nowTickMs())
    enter("serving")
    log.info({ provider, pid: post?.engine.pid, models: post?.ready?.models }, "an accelerator serves")
    first.resolve({ kind: "serving", provider })
    needs.freed()
  }

  /** A run that failed is one error, however many pictures were in it. */
  function judge(own: Post, { fault = "error", why: told }: Extract<EngineAnswer, { kind: "failed" }>) {
    if (post !== own || state !== "serving") return
    const { provider } = own.plan
    metrics.providerErrorsTotal.inc({ provider, kind: fault })
    log.warn({ provider, fault, why: told }, "a run on an accelerator came to nothing; the processor answers")
    // What follows of it, a stack and the trace of a picture, is for the log: this is shown to whoever asks how the box is.
    const why = `${provider}: ${told.split("\n", 1)[0]}`
    carryOut(fault === "wrong" ? watch.wrong(nowTickMs(), why) : watch.failed(nowTickMs(), why))
  }

  /** It takes no work any more, and who was gathered for its next run goes elsewhere. */
  function dismiss(): Post | undefined {
    const dismissed = post
    post = undefined
    dismissed?.gatherer.dismiss()
    return dismissed
  }

  function exited(own: Post, exit: EngineExit) {
    const why = `${own.plan.provider}: ${exit.why}`
    const { refusals = [] } = exit
    own.settle({ kind: "refused", why, refusals: refusals.length > 0 ? refusals : [refusalOf(own.plan, exit)] })
    if (post !== own) return
    dismiss()
    if (closing.signal.aborted || state !== "serving") return
    metrics.providerErrorsTotal.inc({ provider: own.plan.provider, kind: "lost" })
    const sentence = watch.failed(nowTickMs(), why)
    // The engine is gone in any case; whoever comes after it is asked the known answers first.
    carryOut(sentence.kind === "keep" ? { kind: "recheck", why } : sentence)
  }

  function carryOut(sentence: Sentence) {
    if (sentence.kind === "keep") return
    const { why } = sentence
    const given = dismiss()
    if (sentence.kind === "recheck") {
      log.error(
        { provider: given?.plan.provider, why },
        "an accelerator failed; the processor serves until a fresh engine has proved itself",
      )
      enter("preparing")
      trying = Promise.all([given?.engine.stop(), trying]).then(tryPlans)
      return
    }
    rest = { why, retryTickMs: nowTickMs() + sentence.delayMs }
    log.error({ why, retryInS: Math.round(sentence.delayMs / 1000) }, "an accelerator is given up; the processor serves")
    enter("resting")
    void given?.engine.stop()
  }

  /** Who has nothing to do is asked the known questions, and who rests is tried again, when nobody is in its way. */
  function look() {
    if (post !== undefined && state === "serving" && nowTickMs() - post.gatherer.idleSinceTickMs > watchOptions.idleCheckMs)
      void post.gatherer.verify()
    if (lookAgainTickMs !== undefined && nowTickMs() > lookAgainTickMs && needs.isIdle()) {
      lookAgainTickMs = undefined
      trying = trying.then(begin)
      return
    }
    if (state !== "resting" || rest === undefined) return
    const lateMs = nowTickMs() - rest.retryTickMs
    if (lateMs < 0 || !(needs.isIdle() || lateMs > overdueMs)) return
    log.info({ why: rest.why }, "an accelerator that was given up is tried again")
    enter("preparing")
    trying = trying.then(tryPlans)
  }

  function enter(next: AcceleratorState) {
    const wasServing = state === "serving"
    if (next !== state) sinceMs = Date.now()
    state = next
    if (next !== "preparing") preparation = undefined
    for (const name of acceleratorStates) metrics.providerState.set({ state: name }, name === state ? 1 : 0)
    const active = state === "serving" ? post?.plan.provider : "cpu"
    for (const provider of ["tensorrt", "cuda", "cann", "cpu"] as const)
      metrics.providerActive.set({ provider }, provider === active ? 1 : 0)
    if (wasServing !== (state === "serving")) needs.changed()
  }
}

function engineStatus({ plan, engine, gatherer: { isWorking, runs }, ready }: Post): EngineStatus {
  return {
    pid: engine.pid,
    provider: plan.provider,
    state: ready === undefined ? "starting" : isWorking ? "busy" : "idle",
    busyForMs: Math.round(engine.busyForMs()),
    residentBytes: engine.residentBytes(),
    runs,
  }
}

function refusalOf({ provider, library }: AcceleratorPlan, { why }: EngineExit): ProviderRefusal {
  return {
    provider,
    why: `its engine ended before it was ready: ${why}`,
    remedy: `look at the log for what ${library} said; gatehouse doctor tries it again; inference.provider: "cpu" leaves it alone`,
  }
}
