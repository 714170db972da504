import { join } from "node:path"
import { assert } from "../assert.ts"
import { projectRoot } from "../paths.ts"
import type { Result } from "../result.ts"
import { cacheVariable, chooseCacheFolder } from "./cache-folder.ts"
import { embedded } from "./embedded.ts"
import { refusesPrograms } from "./mounts.ts"
import { unpack } from "./unpack.ts"

/** Whether this is the compiled file, which brings along what a checkout has on the disk. */
export const isCompiled = embedded !== undefined

/**
 * The folder that holds `models/`, `edge-config/` and the native libraries below `node_modules/`: the checkout, or what the
 * compiled file has unpacked. Only after `prepareResources`; threads started later know it as well.
 */
export function resourcesFolder(): string {
  if (embedded === undefined) return projectRoot
  const cache = process.env[cacheVariable]
  assert(cache !== undefined, "resources are prepared before they are used")
  return join(cache, embedded.id)
}

/**
 * Unpacks what the compiled file brings along, unless that has been done before; in a checkout there is nothing to do.
 * @param told the cache folder of the command line, stronger than the environment
 */
export async function prepareResources(told: string | undefined): Promise<Result<void>> {
  if (embedded === undefined) return { kind: "ok", value: undefined }
  const cache = chooseCacheFolder(told)
  if (cache.kind === "failed") return cache
  const unpacked = await unpack(embedded, cache.value)
  if (unpacked.kind === "failed") return unpacked
  if (refusesPrograms(unpacked.value)) {
    return {
      kind: "failed",
      why:
        `the cache folder ${cache.value} lies on a file system mounted noexec, from which no library loads: ` +
        `name a folder elsewhere with --cache-dir or ${cacheVariable}, or mount that one with exec`,
    }
  }
  // The variable also reaches Worker threads, and selfCommand() tells it to engines.
  process.env[cacheVariable] = cache.value
  return { kind: "ok", value: undefined }
}
