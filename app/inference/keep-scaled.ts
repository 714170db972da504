import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import { nowTickMs } from "../base/ticks.ts"
import type { Admission } from "./admission.ts"
import { createScaler, type ScaleLimits } from "./scale.ts"
import type { Workforce } from "./workforce.ts"

const everyMs = 1000

/**
 * Looks once a second how many engines there should be on the processor, and does as `scale.ts` says; not while an accelerator
 * serves in their place. Returns what ends it.
 */
export function keepScaled(
  { crew, accelerator }: Pick<Workforce, "crew" | "accelerator">,
  admission: Pick<Admission, "longestWaitMs">,
  limits: ScaleLimits,
  log: Log,
  metrics: Pick<Metrics, "engineScalingTotal">,
): () => void {
  if (limits.enginesMin === limits.enginesMax) return () => undefined
  const scaler = createScaler(limits)
  let hindered = false
  const timer = setInterval(step, everyMs)
  timer.unref()
  return () => clearInterval(timer)

  function step() {
    if (accelerator?.serving === true) return
    const engines = crew.count
    const decision = scaler.step({
      tickMs: nowTickMs(),
      engines,
      ready: crew.readyCount,
      busyMax: crew.busyMax(),
      waitMs: admission.longestWaitMs(),
      memoryFreeBytes: process.availableMemory(),
      engineBytes: Math.max(0, ...crew.status().engines.map(({ residentBytes }) => residentBytes)),
    })
    if (decision.kind === "stay") {
      // Said once and not every second.
      if (decision.why !== undefined && !hindered) log.warn({ engines, why: decision.why }, "no engine is added")
      hindered = decision.why !== undefined
      return
    }
    const { kind: direction, reason, why } = decision
    metrics.engineScalingTotal.inc({ direction, reason })
    if (direction === "grow") {
      log.info({ engines: engines + 1, why }, "an engine is added")
      crew.grow()
    } else {
      log.info({ engines: engines - 1, why }, "an engine is retired")
      crew.retire()
    }
  }
}
