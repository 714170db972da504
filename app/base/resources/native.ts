import { join } from "node:path"
import { resourcesFolder } from "./folder.ts"

/**
 * Loads a native module of a package. In the compiled program the loaders inside the packages are replaced by this one (see
 * scripts/build/redirects.ts): they look for files beside themselves, where there are none.
 * @param path below `node_modules`
 */
export function loadNative(path: string): unknown {
  const module: { exports: unknown } = { exports: {} }
  process.dlopen(module, join(resourcesFolder(), "node_modules", path))
  return module.exports
}
