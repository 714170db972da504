import { resolve } from "node:path"

/** Whether this is the compiled file, whose own modules lie in a file system inside it. */
export const isCompiled = import.meta.dir.startsWith("/$bunfs/")

/** The folder that holds `app/`, `models/` and `package.json`. A compiled file lies in its `dist/` (see `build.ts`). */
export const projectRoot = isCompiled ? resolve(process.execPath, "../..") : resolve(import.meta.dir, "../..")
