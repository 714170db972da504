import { access } from "node:fs/promises"
import type { InferenceOptions } from "../options.ts"
import { foreignLibrary } from "./elf.ts"
import { findLibraries, ownFolder } from "./libraries.ts"
import { type AcceleratedPlan, type Accelerator, accelerators, type MachineVersions, type ProviderRefusal } from "./plan.ts"
import { type ProbeAnswer, type ProbeQuestion, probe } from "./probe.ts"

export type AcceleratorPlan = AcceleratedPlan & { readonly provider: Accelerator }

/** What the machine has beside its processor, best first, and why the others are out of the question. */
export interface ProviderChoice {
  readonly plans: readonly AcceleratorPlan[]
  readonly refusals: readonly ProviderRefusal[]
}

export interface ChooseNeeds {
  /** Asks a library in a process of its own; `probe` with this program's command. */
  ask(question: ProbeQuestion): Promise<ProbeAnswer>
  /** Where libraries are looked for when none is named; the machine's own folders when not said. */
  readonly folders?: readonly string[]
  /** For compiled engines. */
  readonly cacheFolder: string
}

/** By ONNX Runtime's names. */
const fullNames: Readonly<Record<Accelerator, string>> = {
  tensorrt: "TensorrtExecutionProvider",
  cuda: "CUDAExecutionProvider",
  cann: "CANNExecutionProvider",
}

type Options = Pick<InferenceOptions, "provider" | "require" | "ortLibrary" | "deviceId" | "tensorrt">

/** Those that the options want, best first; nothing is looked for where it is empty. */
export function wantedAccelerators({ provider, require }: Pick<Options, "provider" | "require">): readonly Accelerator[] {
  if (require !== "none") return [require]
  if (provider === "cpu") return []
  return provider === "auto" ? accelerators : [provider]
}

/**
 * Looks for libraries of ONNX Runtime and asks each, in a process of its own, what it can do. The first that can do anything wanted
 * is taken. Whether a model then runs rightly on it is for an engine with that plan to find out. Never rejects.
 */
export async function chooseProviders(options: Options, { ask, folders, cacheFolder }: ChooseNeeds): Promise<ProviderChoice> {
  const wanted = wantedAccelerators(options)
  if (wanted.length === 0) return { plans: [], refusals: [] }
  const libraries = await findLibraries(options.ortLibrary, folders)
  const refusals: ProviderRefusal[] = []
  // Who names a provider has one, or thinks so.
  const isOpen = options.provider === "auto" && options.require === "none"
  for (const library of libraries) {
    const found = await examine(library)
    refusals.push(...found.refusals)
    if (found.plans.length > 0) return { plans: found.plans, refusals }
  }
  if (libraries.length > 0) return { plans: [], refusals }
  const why = "no library of ONNX Runtime beside the one that comes along, which computes on the processor"
  const remedy = `put the board's libonnxruntime.so into ${ownFolder}, or name it with inference.ortLibrary (GATEHOUSE_ORT_LIB)`
  return { plans: [], refusals: wanted.map((provider) => ({ provider, why, remedy, ...(isOpen && { absent: true }) })) }

  async function examine(library: string): Promise<ProviderChoice> {
    const all = (why: string, remedy: string): ProviderChoice => ({
      plans: [],
      refusals: wanted.map((provider) => ({ provider, why, remedy })),
    })
    const isThere = await access(library).then(
      () => true,
      () => false,
    )
    if (!isThere)
      return all(
        `${library} is missing, or may not be read`,
        "correct inference.ortLibrary (GATEHOUSE_ORT_LIB), or leave it out",
      )
    const foreign = await foreignLibrary(library).catch((error: unknown) => String(error))
    if (foreign !== undefined)
      return all(
        `${library} cannot be used: ${foreign}`,
        "name a libonnxruntime.so that was built for this machine's processor",
      )
    const loaded = await ask({ library, provider: undefined, deviceId: options.deviceId })
    if (loaded.kind === "refused") return all(loaded.why, loaded.remedy)

    const plans: AcceleratorPlan[] = []
    const refused: ProviderRefusal[] = []
    for (const provider of wanted) {
      if (!loaded.providers.includes(fullNames[provider])) {
        refused.push({ ...notBuiltIn(library, provider, loaded.providers), ...(isOpen && { absent: true }) })
        continue
      }
      const answer = await ask({ library, provider, deviceId: options.deviceId })
      if (answer.kind === "ok") plans.push(planOf(library, provider, loaded.versions))
      else refused.push({ provider, why: answer.why, remedy: answer.remedy })
    }
    return { plans, refusals: refused }
  }

  function planOf(library: string, provider: Accelerator, versions: MachineVersions): AcceleratorPlan {
    const { deviceId, tensorrt } = options
    const { fp16, workspaceBytes, shapes } = tensorrt
    return {
      adapter: "ort-ffi",
      library,
      provider,
      required: options.require === provider,
      deviceId,
      cacheFolder: tensorrt.cacheFolder ?? cacheFolder,
      versions,
      tensorrt: { fp16, workspaceBytes, shapes },
    }
  }
}

function notBuiltIn(library: string, provider: Accelerator, has: readonly string[]): ProviderRefusal {
  return {
    provider,
    why: `${library} was built without ${provider}: it has ${has.join(", ")}`,
    remedy: `install a build of ONNX Runtime with ${fullNames[provider]} into ${ownFolder}, where the machine has the hardware for it`,
  }
}

/** `chooseProviders` with real probes. */
export function chooseOnThisMachine(
  options: Options,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<ProviderChoice> {
  return chooseProviders(options, { ask: (question) => probe(command, question, env, signal), cacheFolder })
}
