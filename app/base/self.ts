import { join } from "node:path"
import { isCompiled, projectRoot } from "./paths.ts"

/** The command that starts this very program again: the compiled file itself, or Bun with `app/main.ts`. */
export function selfCommand(): readonly string[] {
  return isCompiled ? [process.execPath] : [process.execPath, join(projectRoot, "app/main.ts")]
}
