import { unreachable } from "../../base/assert.ts"
import { elapsedMs, nowTickMs } from "../../base/ticks.ts"
import { wallMs } from "../../base/trace.ts"
import { type Found, packAnalysis } from "../analysis-body.ts"
import { type Channel, channelHandlers } from "../channel.ts"
import { type AnalyzeOptions, createOptionsReader, type FromEngine, readToEngine, type ToEngine } from "../wire.ts"
import { ProviderFault } from "./guard.ts"
import { type Analysis, type Analyzer, openAnalyzer } from "./run.ts"

/**
 * The engine process: it connects to its parent, opens the models it is told to, and answers one picture after the other. It
 * keeps no state and decides nothing. When the parent is gone, so is its reason to live.
 * @param openModels another than the usual is for tests, which let it break
 */
export async function runEngine(socketPath: string, openModels = openAnalyzer): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let analyzer: Analyzer | undefined
  let channel: Channel<FromEngine> | undefined
  let last: Promise<void> = Promise.resolve()
  let residentBytes = 0
  const readOptions = createOptionsReader()
  /** Pictures of which more are said to follow. */
  let group: Given[] = []

  await Bun.connect({
    unix: socketPath,
    socket: channelHandlers<ToEngine, FromEngine>(readToEngine, {
      opened: (opened) => {
        channel = opened
      },
      received: (message, body) => {
        last = last.then(() => handle(message, body))
      },
      closed: () => end(),
    }),
  })
  await ended
  // No tidy release of native sessions: the process gives every byte back by ending.
  process.exit(0)

  async function handle(message: ToEngine, body: Uint8Array): Promise<void> {
    switch (message.kind) {
      case "open":
        return open(message)
      case "ping":
        residentBytes = process.memoryUsage.rss()
        channel?.send({ kind: "pong", id: message.id, residentBytes })
        return
      case "analyze":
        return analyze(message, body)
      case "verify":
        return verify(message)
      default:
        return unreachable(message)
    }
  }

  async function open({ set, threads, spinning, runtime: plan }: Extract<ToEngine, { kind: "open" }>): Promise<void> {
    const opened = await openModels(set, {
      threads,
      spinning,
      plan,
      onProgress: (stage, model) => channel?.send({ kind: "progress", stage, model }),
    }).catch((error: unknown) => ({
      kind: "unfit" as const,
      why: String(error),
      refusals: [],
    }))
    if (opened.kind === "unfit") {
      channel?.send({ kind: "unfit", why: opened.why, refusals: [...opened.refusals] })
      return
    }
    analyzer = opened.analyzer
    const { runtime, models, refusals } = analyzer
    residentBytes = process.memoryUsage.rss()
    channel?.send({ kind: "ready", pid: process.pid, runtime, models: [...models], refusals: [...refusals], residentBytes })
  }

  async function analyze(message: AnalyzeMessage, picture: Uint8Array): Promise<void> {
    group.push({ message, picture, options: readOptions(message.options) })
    if (message.more === true) return
    const given = group
    group = []
    if (analyzer === undefined) return fail(given, new Error("asked before the models were open"))
    const startedAtMs = wallMs()
    const startTickMs = nowTickMs()
    try {
      const analyses = await analyzer.analyzeTogether(given)
      const tookMs = elapsedMs(startTickMs)
      for (const [index, analysis] of analyses.entries()) answer(given[index]!.message.id, analysis, { startedAtMs, tookMs })
      // For the next answer: nobody waits for this one any more.
      residentBytes = process.memoryUsage.rss()
    } catch (error) {
      // One picture's bug must not cost the next one its answer; the parent logs it and counts.
      fail(given, error)
    }
  }

  async function verify(message: Extract<ToEngine, { kind: "verify" }>): Promise<void> {
    try {
      await analyzer?.verify()
      channel?.send({ kind: "verified", id: message.id })
    } catch (error) {
      fail([{ message }], error)
    }
  }

  function answer(id: number, analysis: Analysis, run: Pick<Found["run"], "startedAtMs" | "tookMs">) {
    if (analysis.kind === "refused") {
      channel?.send({ kind: "refused", id, reason: analysis.reason, why: analysis.why })
      return
    }
    const { body, ...header } = packAnalysis({ ...analysis, run: { ...run, snapshotMs: analysis.snapshotMs }, residentBytes })
    channel?.send({ kind: "analysis", id, ...header }, body)
  }

  function fail(given: readonly { readonly message: { id: number; traceparent?: string | undefined } }[], error: unknown) {
    // Of a provider's fault the words say all, and of a bug the stack.
    const told =
      error instanceof ProviderFault ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
    for (const { message } of given) {
      const { id, traceparent } = message
      const why = traceparent === undefined ? told : `${told} (trace ${traceparent})`
      channel?.send({ kind: "failed", id, why, ...(error instanceof ProviderFault && { fault: error.kind }) })
    }
  }
}

type AnalyzeMessage = Extract<ToEngine, { kind: "analyze" }>

interface Given {
  readonly message: AnalyzeMessage
  readonly picture: Uint8Array
  readonly options: AnalyzeOptions
}
