import type { InferenceOptions } from "./options.ts"
import type { EnginePool } from "./pool.ts"
import { engineEnvironment } from "./process.ts"
import type { ProviderChoice } from "./providers/choose.ts"
import { compiledFolder } from "./providers/compiled-folder.ts"

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
    const { chooseOnThisMachine, wantedAccelerators } = await import("./providers/choose.ts")
    const folder = compiledFolder(options)
    if (folder.kind === "failed") {
      const remedy = "or name one with inference.tensorrt.cacheFolder"
      return { plans: [], refusals: wantedAccelerators(options).map((provider) => ({ provider, why: folder.why, remedy })) }
    }
    return chooseOnThisMachine(options, command, engineEnvironment(), folder.value, signal)
  }
}

/** Settles only when an accelerator is required and there is none, with the reason in words; a box that has it runs on. */
export async function requiredIsMissing(
  options: Pick<InferenceOptions, "require">,
  pool: Pick<EnginePool, "accelerated">,
): Promise<string> {
  return (await whyRequiredIsMissing(options, pool)) ?? new Promise(() => undefined)
}

/** Why there is none where one is required, as soon as that is known; `undefined` when all is well. */
export async function whyRequiredIsMissing(
  { require }: Pick<InferenceOptions, "require">,
  pool: Pick<EnginePool, "accelerated">,
): Promise<string | undefined> {
  const outcome = require === "none" ? undefined : await pool.accelerated()
  if (outcome?.kind !== "refused") return undefined
  const [refusal] = outcome.refusals.filter(({ provider }) => provider === require)
  const told = refusal === undefined ? "nothing says why" : `${refusal.why}; ${refusal.remedy}`
  return `inference.require is ${require}, and it cannot be had: ${told}`
}
