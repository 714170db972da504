import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nowTickMs } from "../base/ticks.ts"
import { spaceDimension } from "../face/embedding.ts"
import { type Found, unpackAnalysis } from "./analysis-body.ts"
import { type Channel, channelHandlers } from "./channel.ts"
import type { ModelSet } from "./manifest.ts"
import type { Seat } from "./placement/seats.ts"
import { processorTicks } from "./processor-time.ts"
import type { ProviderRefusal, RuntimePlan } from "./providers/plan.ts"
import { type AnalyzeOptions, type EngineRun, type FromEngine, readFromEngine, type ToEngine } from "./wire.ts"

export type Ready = Extract<FromEngine, { kind: "ready" }>
export type Progress = Extract<FromEngine, { kind: "progress" }>

/** How one picture came back from one engine. `lost`: the engine died or was killed with the picture in hand. */
export type EngineAnswer =
  | ({ readonly kind: "analysis"; readonly run: EngineRun } & Omit<Found, "run" | "residentBytes">)
  | Extract<FromEngine, { kind: "refused" | "failed" }>
  | { readonly kind: "lost"; readonly why: string }

export type Verified = Extract<FromEngine, { kind: "verified" }>

export type EngineExit = {
  readonly reason: "unfit" | "never_ready" | "stuck" | "silent" | "crashed" | "stopped"
  readonly why: string
  readonly wasReady: boolean
  /** What is wrong with the provider of its plan, where it said so itself. */
  readonly refusals?: readonly ProviderRefusal[]
}

export interface EngineEvents {
  /** On an accelerator, which takes its time. */
  progress?(progress: Progress): void
  ready(ready: Ready): void
  exited(exit: EngineExit): void
}

export interface EngineLimits {
  readonly startMs: number
  /** In place of `startMs`, counted anew at each step, while a model is compiled for an accelerator. */
  readonly compileMs: number
  readonly stuckRunMs: number
  readonly idleRunMs: number
  readonly pingEveryMs: number
  readonly pongLateMs: number
}

export interface GivenPicture {
  readonly picture: Uint8Array
  readonly options: AnalyzeOptions
  /** Names the trace in what the engine says of this picture. */
  readonly traceparent?: string | undefined
}

/** One engine process, seen from the parent. It takes its next pictures when it has answered the last. */
export interface EngineProcess {
  readonly pid: number
  /** Milliseconds the present run has taken; 0 when idle. */
  busyForMs(): number
  residentBytes(): number
  /**
   * For how long nothing has been heard of an engine that is ready: neither a word nor, in the midst of a run, the use of a
   * processor. 0 before it is ready.
   */
  silentForMs(): number
  analyze(given: GivenPicture): Promise<EngineAnswer>
  /** Their faces are embedded in one run; what that fails at, it fails at for all of them. One promise for each, in their order. */
  analyzeTogether(given: readonly GivenPicture[]): Promise<EngineAnswer>[]
  /** Asks the known questions of the models that run on an accelerator. */
  verify(): Promise<EngineAnswer | Verified>
  stop(): Promise<void>
}

const passedVariables = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "GATEHOUSE_LOG"]

/** By which CUDA and Ascend's CANN (its set_env.sh) find devices and their own files. */
const acceleratorVariables = [
  "CUDA_VISIBLE_DEVICES",
  ...["ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH", "ASCEND_OPP_PATH", "ASCEND_AICPU_PATH", "TOOLCHAIN_HOME", "PYTHONPATH"],
]

/**
 * The environment an engine really starts with: JavaScript's `process.env` does not reach libc, so what native code must see is
 * set here. ORT_DISABLE_TELEMETRY, BUN_ENABLE_CRASH_REPORTING: a box with biometrics tells nobody anything, and a crash of a native
 * library least of all. MALLOC_ARENA_MAX: glibc's arenas per thread otherwise hold on to freed picture buffers.
 */
export function engineEnvironment(): Record<string, string> {
  const passed = [...passedVariables, ...acceleratorVariables].flatMap((name): [string, string][] => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { ...Object.fromEntries(passed), ORT_DISABLE_TELEMETRY: "1", BUN_ENABLE_CRASH_REPORTING: "0", MALLOC_ARENA_MAX: "2" }
}

/** The watch looks four times a second; after a longer pause this process has been stopped itself, or starved. */
const lookedAwayMs = 2000

export interface EngineStart {
  readonly command: readonly string[]
  readonly set: ModelSet
  readonly threads: number
  readonly seat: Seat
  readonly limits: EngineLimits
  /** What it runs its networks with. */
  readonly plan: RuntimePlan
}

/**
 * Starts `command … engine --socket <path>` and opens `set` in it. The socket lies in a folder of its own (0700) that is gone
 * as soon as the engine has connected, so nothing is left behind whoever is killed.
 */
export function startEngine({ command, set, threads, seat, limits, plan }: EngineStart, events: EngineEvents): EngineProcess {
  const dimension = spaceDimension(set.embedding.space)
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-"))
  const socketPath = join(folder, "engine.sock")
  let channel: Channel<ToEngine> | undefined
  /** Who waits for which answer of the present run. */
  const asked = new Map<number, (answer: EngineAnswer) => void>()
  let verifying: ((answer: EngineAnswer | Verified) => void) | undefined
  let runSinceTickMs = 0
  let ready = false
  let ending: Pick<EngineExit, "reason" | "why" | "refusals"> | undefined
  let closedWhy: string | undefined
  let residentBytes = 0
  let nextId = 1
  let pingSentTickMs: number | undefined
  let lastPingTickMs = nowTickMs()
  let lastWatchTickMs = nowTickMs()
  let heardTickMs = nowTickMs()
  /** When the engine was last seen to use the processor in its present run. */
  let progress: { readonly ticks: number | undefined; readonly tickMs: number } | undefined
  /** Since when it has been at the present step of getting ready, and how long that step may take. */
  let starting = { tickMs: nowTickMs(), limitMs: limits.startMs }

  const listener = Bun.listen({
    unix: socketPath,
    socket: channelHandlers<FromEngine, ToEngine>(readFromEngine, {
      opened: (opened) => {
        channel = opened
        forgetSocket()
        opened.send({ kind: "open", set, threads, spinning: seat.spinning, runtime: plan })
      },
      received,
      // Mostly because it died, and then its end tells more than its silence.
      closed: (why) => {
        closedWhy = why
        child.kill("SIGKILL")
      },
    }),
  })
  const child = seat.start(() =>
    Bun.spawn([...command, "engine", "--socket", socketPath], {
      env: engineEnvironment(),
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    }),
  )
  const watch = setInterval(watchOver, Math.min(limits.pingEveryMs, 250))
  watch.unref()
  const exited = child.exited.then(() => {
    clearInterval(watch)
    forgetSocket()
    const { reason, why, refusals } = ending ?? crash()
    for (const id of asked.keys()) settle(id, { kind: "lost", why })
    events.exited({
      reason: ready || reason === "unfit" || reason === "stopped" ? reason : "never_ready",
      why,
      wasReady: ready,
      ...(refusals && { refusals }),
    })
  })

  return {
    pid: child.pid,
    busyForMs: () => (asked.size === 0 ? 0 : nowTickMs() - runSinceTickMs),
    residentBytes: () => residentBytes,
    // As of the last look: what has come meanwhile may lie unread, if this process itself was held up.
    silentForMs: () => (ready ? Math.max(0, lastWatchTickMs - heardTickMs) : 0),
    analyze: (given) => begin([given])[0]!,
    analyzeTogether: begin,
    verify: () =>
      new Promise((settle) => {
        if (!isFree() || channel === undefined) return settle({ kind: "lost", why: "the engine was not free" })
        runSinceTickMs = nowTickMs()
        const id = nextId++
        asked.set(id, settle)
        verifying = settle
        channel.send({ kind: "verify", id })
      }),
    stop: async () => {
      ending ??= { reason: "stopped", why: "asked to stop" }
      channel?.close()
      const killer = setTimeout(() => child.kill("SIGKILL"), channel === undefined ? 0 : 1000)
      await exited
      clearTimeout(killer)
    },
  }

  function isFree(): boolean {
    return ready && asked.size === 0
  }

  function begin(given: readonly GivenPicture[]): Promise<EngineAnswer>[] {
    const open = channel
    if (!isFree() || open === undefined)
      return given.map(() => Promise.resolve({ kind: "lost", why: "the engine was not free" }))
    runSinceTickMs = nowTickMs()
    return given.map(({ picture, options, traceparent }, index) => {
      const id = nextId++
      const more = index < given.length - 1 ? { more: true } : {}
      return new Promise((settled) => {
        asked.set(id, settled)
        open.send({ kind: "analyze", id, options: JSON.stringify(options), traceparent, ...more }, picture)
      })
    })
  }

  function received(message: FromEngine, body: Uint8Array) {
    heardTickMs = nowTickMs()
    switch (message.kind) {
      case "progress":
        starting = { tickMs: nowTickMs(), limitMs: message.stage === "compile" ? limits.compileMs : limits.startMs }
        events.progress?.(message)
        return
      case "ready":
        ready = true
        residentBytes = message.residentBytes
        events.ready(message)
        return
      case "unfit":
        kill("unfit", message.why, message.refusals)
        return
      case "pong":
        pingSentTickMs = undefined
        residentBytes = message.residentBytes
        return
      case "verified":
        asked.delete(message.id)
        verifying?.(message)
        return
      case "refused":
      case "failed":
        settle(message.id, message)
        return
      case "analysis":
        if (asked.has(message.id)) {
          const { run, residentBytes: held, ...found } = unpackAnalysis(message, body, dimension)
          residentBytes = held
          settle(message.id, { kind: "analysis", ...found, run: { pid: child.pid, ...run } })
        }
        return
    }
  }

  function settle(id: number, answer: EngineAnswer) {
    const settled = asked.get(id)
    asked.delete(id)
    settled?.(answer)
  }

  /** Kept apart from the engine's own word: a process that hangs cannot say so. */
  function watchOver() {
    const tickMs = nowTickMs()
    const lookedAway = tickMs - lastWatchTickMs > lookedAwayMs
    lastWatchTickMs = tickMs
    if (lookedAway) heardTickMs = tickMs
    if (!ready) {
      if (tickMs - starting.tickMs > starting.limitMs) kill("never_ready", `not ready after ${starting.limitMs} ms`)
      return
    }
    if (asked.size > 0) {
      pingSentTickMs = undefined
      lastPingTickMs = tickMs
      if (tickMs - runSinceTickMs > limits.stuckRunMs) kill("stuck", `one run took more than ${limits.stuckRunMs} ms`)
      const ticks = processorTicks(child.pid)
      // Who has not looked cannot say what did not happen: this process may have been stopped together with the engine.
      if (progress === undefined || lookedAway || ticks === undefined || ticks !== progress.ticks) {
        progress = { ticks, tickMs }
        heardTickMs = tickMs
      }
      if (tickMs - progress.tickMs > limits.idleRunMs)
        kill("stuck", `no processor time used for ${limits.idleRunMs} ms in the midst of a run`)
      return
    }
    progress = undefined
    if (pingSentTickMs !== undefined) {
      if (tickMs - pingSentTickMs > limits.pongLateMs) kill("silent", `no heart-beat for ${limits.pongLateMs} ms`)
      return
    }
    if (tickMs - lastPingTickMs < limits.pingEveryMs) return
    pingSentTickMs = tickMs
    lastPingTickMs = tickMs
    channel?.send({ kind: "ping", id: nextId++ })
  }

  function crash(): Pick<EngineExit, "reason" | "why" | "refusals"> {
    const own = `exit code ${child.exitCode}, signal ${child.signalCode}`
    return { reason: "crashed", why: child.signalCode === "SIGKILL" ? (closedWhy ?? own) : own }
  }

  function kill(reason: EngineExit["reason"], why: string, refusals?: readonly ProviderRefusal[]) {
    ending ??= { reason, why, ...(refusals && { refusals }) }
    child.kill("SIGKILL")
  }

  function forgetSocket() {
    listener.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
