import type { Span } from "../base/trace.ts"
import type { TakenWork } from "./admission.ts"
import type { EngineAnswer } from "./process.ts"

/** The stages of an engine in the order in which they follow one another. */
const stages = ["decode", "detect", "align", "embed"] as const

/**
 * Adds to the trace of a piece of work how long it waited and what the engine did with it.
 * @param span of the run, as the parent saw it; ends here
 */
export function traceRun(
  { work, waitMs, degraded }: TakenWork,
  startTickMs: number,
  span: Span | undefined,
  answer: EngineAnswer,
) {
  work.trace?.add({ name: "queue", startTickMs: startTickMs - waitMs, durationMs: waitMs })
  if (span === undefined) return
  if (answer.kind === "analysis") {
    const { timingsMs, run } = answer
    let startedAtMs = run.startedAtMs
    for (const name of stages) {
      span.add({ name, startedAtMs, durationMs: timingsMs[name], enginePid: run.pid })
      startedAtMs += timingsMs[name]
    }
    if (run.snapshotMs !== undefined)
      span.add({ name: "snapshot", startedAtMs, durationMs: run.snapshotMs, enginePid: run.pid })
  }
  span.end({
    failed: answer.kind === "failed" || answer.kind === "lost",
    figures: {
      "gatehouse.outcome": answer.kind,
      "gatehouse.priority": work.priority ?? "interactive",
      "gatehouse.degraded": degraded.length > 0,
      ...(answer.kind === "analysis" && { "gatehouse.faces": answer.faces.length }),
    },
  })
}
