import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../app/base/paths.ts"
import { unpackWoff } from "./fonts/woff.ts"

/**
 * The letters for names on pictures, in `.cache/fonts`: Noto Sans SC from its npm package, where it is packed for browsers, in
 * the form that the picture library reads.
 *
 *   bun scripts/fonts.ts
 */
const files = join(projectRoot, "node_modules/@fontsource/noto-sans-sc/files")
const folder = join(projectRoot, ".cache/fonts")

mkdirSync(folder, { recursive: true })
for (const letters of ["latin", "latin-ext", "vietnamese", "cyrillic", "chinese-simplified"]) {
  const path = join(folder, `${letters}.ttf`)
  writeFileSync(`${path}.draft`, unpackWoff(readFileSync(join(files, `noto-sans-sc-${letters}-400-normal.woff`))))
  renameSync(`${path}.draft`, path)
}
