import { join } from "node:path"
import { chooseCacheFolder } from "../../base/resources/cache-folder.ts"
import type { Result } from "../../base/result.ts"
import type { InferenceOptions } from "../options.ts"

/** Where compiled engines are kept: where the options say, else in the program's cache folder. */
export function compiledFolder({ tensorrt }: Pick<InferenceOptions, "tensorrt">): Result<string> {
  if (tensorrt.cacheFolder !== null) return { kind: "ok", value: tensorrt.cacheFolder }
  const cache = chooseCacheFolder(undefined)
  return cache.kind === "ok" ? { kind: "ok", value: join(cache.value, "compiled") } : cache
}

/** Before a process ends that has seen engines crash: whoever comes next has to know of it (`compiled.ts`). */
export async function holdCrashes(options: Pick<InferenceOptions, "tensorrt" | "provider">): Promise<void> {
  const folder = options.provider === "cpu" ? undefined : compiledFolder(options)
  if (folder?.kind !== "ok") return
  const { noteCrashes } = await import("./compiled.ts")
  await noteCrashes(folder.value)
}

/** All that was compiled, and all crashes: for whoever has mended the machine. */
export async function forgetCompiled(options: Pick<InferenceOptions, "tensorrt">): Promise<Result<void>> {
  const folder = compiledFolder(options)
  if (folder.kind === "failed") return folder
  const { clearCompiled } = await import("./compiled.ts")
  await clearCompiled(folder.value)
  return { kind: "ok", value: undefined }
}
