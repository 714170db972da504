import { join } from "node:path"
import { resourcesFolder } from "./folder.ts"

/** A library that this machine cannot load; the message says which, why and what helps. It is nobody's bug, and told without a stack. */
export class UnloadableLibrary extends Error {}

/**
 * Loads a native module of a package. In the compiled program the loaders inside the packages are replaced by this one (see
 * scripts/build/redirects.ts): they look for files beside themselves, where there are none.
 * @param path below `node_modules`
 * @throws `UnloadableLibrary`
 */
export function loadNative(path: string): unknown {
  const module: { exports: unknown } = { exports: {} }
  const file = join(resourcesFolder(), "node_modules", path)
  try {
    process.dlopen(module, file)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new UnloadableLibrary(`${file} does not load: ${what}. ${remedyFor(what)}`, { cause: error })
  }
  return module.exports
}

/** @param what the words of the C library's loader */
function remedyFor(what: string): string {
  if (/failed to map segment|Operation not permitted/.test(what)) {
    return "Programs may not run from this folder: name another one with --cache-dir or GATEHOUSE_CACHE"
  }
  const missing = /^(lib[\w.+-]+): cannot open shared object file/.exec(what)?.[1]
  return missing === undefined ? "See docs/build.md for the systems it runs on" : `Install the package that holds ${missing}`
}
