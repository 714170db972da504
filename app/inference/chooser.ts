import { join } from "node:path"
import type { ProviderChoice } from "./accelerator.ts"
import type { InferenceOptions } from "./options.ts"
import type { EnginePool } from "./pool.ts"
import { engineEnvironment } from "./process.ts"

/**
 * What looks for accelerators of this machine, or `undefined` where the box is told to leave them alone. What it needs is loaded when
 * it is asked: by then the box serves.
 * @param command of this program
 */
export function acceleratorChooser(
  options: InferenceOptions,
  command: readonly string[],
): ((signal: AbortSignal) => Promise<ProviderChoice>) | undefined {
  if (options.provider === "cpu") return undefined
  return async (signal) => {
    const [{ chooseOnThisMachine }, { chooseCacheFolder }] = await Promise.all([
      import("./providers/choose.ts"),
      import("../base/resources/cache-folder.ts"),
    ])
    const { cacheFolder } = options.tensorrt
    const cache = cacheFolder === null ? chooseCacheFolder(undefined) : { kind: "ok" as const, value: cacheFolder }
    if (cache.kind === "failed") {
      const remedy = "or name one with inference.tensorrt.cacheFolder"
      return { plans: [], refusals: [{ provider: "tensorrt", why: cache.why, remedy }] }
    }
    return chooseOnThisMachine(options, command, engineEnvironment(), join(cache.value, "compiled"), signal)
  }
}

/** Settles only when an accelerator is required and there is none, with the reason in words; a box that has it runs on. */
export async function requiredIsMissing(
  { require }: Pick<InferenceOptions, "require">,
  pool: Pick<EnginePool, "accelerated">,
): Promise<string> {
  const outcome = require === "none" ? undefined : await pool.accelerated()
  if (outcome?.kind !== "refused") return new Promise(() => undefined)
  const [refusal] = outcome.refusals.filter(({ provider }) => provider === require)
  const told = refusal === undefined ? "nothing says why" : `${refusal.why}; ${refusal.remedy}`
  return `inference.require is ${require}, and it cannot be had: ${told}`
}
