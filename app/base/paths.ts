import { resolve } from "node:path"

/** The checkout: the folder that holds `app/` and `package.json`. A compiled file has none; its own are in `resourcesFolder()`. */
export const projectRoot = resolve(import.meta.dir, "../..")
