import { createLog, type Log } from "../base/log.ts"
import type { Metrics } from "../base/metrics.ts"
import type { Result } from "../base/result.ts"
import { selfCommand } from "../base/self.ts"
import type { Config } from "../config/config.ts"
import { acceleratorChooser } from "../inference/chooser.ts"
import type { ModelSet } from "../inference/manifest.ts"
import { listModels, locateModelSet, type ModelListing } from "../inference/models.ts"
import type { Placement } from "../inference/placement/placement.ts"
import { type EnginePool, openPool } from "../inference/pool.ts"
import { engineEnvironment } from "../inference/process.ts"
import { type ProbeAnswer, type ProbeQuestion, probe } from "../inference/providers/probe.ts"

/** Models and engines as the configuration names them. */

export async function locate(config: Config, log: Log): Promise<Result<ModelSet>> {
  const located = await locateModelSet(modelOptions(config))
  if (located.kind === "failed") return located
  for (const note of located.notes) log.warn(note)
  return { kind: "ok", value: located.set }
}

export function withSet(config: Config, modelSet: string): Config {
  return { ...config, inference: { ...config.inference, modelSet } }
}

function modelOptions({ modelsFolder, modelSearchFolders, inference }: Config) {
  return { modelsFolder, searchFolders: modelSearchFolders, set: inference.modelSet }
}

export function openEnginePool(config: Config, set: ModelSet, log: Log, metrics: Metrics, placement: Placement): EnginePool {
  const choose = acceleratorChooser(config.inference, selfCommand())
  return openPool(selfCommand(), set, config.inference, log, metrics, placement, choose)
}

/** For commands that print a result of their own: only what is wrong is said beside it. */
export function quietLog(): Log {
  return createLog(process.env.GATEHOUSE_LOG ?? "warn")
}

export function list(config: Config): Promise<ModelListing> {
  return listModels(modelOptions(config))
}

/** Asks a library of ONNX Runtime in a process of its own, which may crash or hang for it. */
export function probeLibrary(question: ProbeQuestion): Promise<ProbeAnswer> {
  return probe(selfCommand(), question, engineEnvironment(), new AbortController().signal)
}
