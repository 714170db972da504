import { resolve } from "node:path"

/** The folder that holds `app/`, `models/` and `package.json`. */
export const projectRoot = resolve(import.meta.dir, "../..")
