import { assert } from "../base/assert.ts"
import type { Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Result } from "../base/result.ts"
import type { Config } from "../config/config.ts"
import { type CachedAnalyze, cacheAnswers } from "../inference/cache.ts"
import type { ModelSet } from "../inference/manifest.ts"
import type { Placement } from "../inference/placement/placement.ts"
import type { EnginePool } from "../inference/pool.ts"
import { pairThresholds } from "../pipeline/judge.ts"
import type { EmbedSide } from "../pipeline/reembedding.ts"
import { openEnginePool } from "./models.ts"

/** A model set with its engines, as the box answers by it. */
export interface EmbedEngines extends EmbedSide {
  readonly models: ModelSet
  readonly engines: EnginePool
  /** As `analyze`, with the answers of a moment ago. */
  readonly cached: CachedAnalyze
}

/** The sets whose engines run: those that serve, and those of a set that is to come or was before. */
export interface Sides {
  open(set: ModelSet): EmbedEngines
  /** Whose engines are ready, or why none will be; then they are closed. */
  openReady(set: ModelSet): Promise<Result<EmbedEngines>>
  of(side: EmbedSide): EmbedEngines
  release(side: EmbedSide): Promise<void>
  /** Nobody is answered with what was seen before. */
  forgetAnswers(): void
  /** The longest silence of any engine. */
  silentForMs(): number
  close(): Promise<void>
}

export function createSides(config: Config, log: Log, metrics: Metrics, placement: Placement): Sides {
  const sides = new Map<string, EmbedEngines>()

  function open(set: ModelSet): EmbedEngines {
    const pool = openEnginePool(config, set, log, metrics, placement)
    const cached = cacheAnswers(pool.analyze, set.embedding.space, config.inference.cache, metrics)
    const { match } = pairThresholds(set.embedding.calibration.curve, config.recognition.decisions)
    const waiting = () => pool.status().waiting
    const about = { set: set.name, space: set.embedding.space, models: set, match }
    const side = { ...about, engines: pool, cached, analyze: pool.analyze, waiting }
    sides.set(set.name, side)
    return side
  }

  function of({ set }: EmbedSide): EmbedEngines {
    const side = sides.get(set)
    assert(side !== undefined, "engines that are named are open")
    return side
  }

  async function release(side: EmbedSide): Promise<void> {
    const { engines } = of(side)
    sides.delete(side.set)
    await engines.close()
  }

  return {
    open,
    async openReady(set) {
      const side = open(set)
      await side.engines.settled()
      const { state, reasons } = side.engines.status()
      if (state === "ready" || state === "degraded") return { kind: "ok", value: side }
      await release(side)
      return { kind: "failed", why: reasons.join("; ") }
    },
    of,
    release,
    forgetAnswers() {
      for (const { cached } of sides.values()) cached.forgetAll()
    },
    silentForMs: () => Math.max(...[...sides.values()].map(({ engines }) => engines.silentForMs())),
    close: async () => void (await Promise.all([...sides.values()].map(({ engines }) => engines.close()))),
  }
}
