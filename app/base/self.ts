import { join } from "node:path"
import { projectRoot } from "./paths.ts"

/** The command that starts this very program again: the compiled file itself, or Bun with `app/main.ts`. */
export function selfCommand(): readonly string[] {
  const compiled = import.meta.dir.startsWith("/$bunfs/")
  return compiled ? [process.execPath] : [process.execPath, join(projectRoot, "app/main.ts")]
}
