import { join } from "node:path"
import { projectRoot } from "./paths.ts"
import { cacheVariable } from "./resources/cache-folder.ts"
import { isCompiled } from "./resources/folder.ts"

/**
 * The command that starts this very program again: the compiled file itself, or Bun with `app/main.ts`. The compiled one is told
 * where this one has unpacked its contents, whatever environment it is started with.
 */
export function selfCommand(): readonly string[] {
  if (!isCompiled) return [process.execPath, join(projectRoot, "app/main.ts")]
  const cache = process.env[cacheVariable]
  return cache === undefined ? [process.execPath] : [process.execPath, "--cache-dir", cache]
}
