import { join } from "node:path"
import sharp, { type OutputInfo } from "sharp"
import { resourcesFolder } from "../../base/resources/folder.ts"
import { escaped } from "./draw.ts"

/** Files that `scripts/fonts.ts` makes; each holds letters that the others lack. */
const files = ["latin", "latin-ext", "vietnamese", "cyrillic", "chinese-simplified"]

/** The name all of them bear, then whatever the machine has. */
export const labelFont = "Noto Sans SC, sans-serif"

let registered: Promise<void> | undefined

/** A machine without fonts draws empty boxes for letters, so the program brings its own. They are known from then on. */
export function registerFonts(): Promise<void> {
  registered ??= register()
  return registered
}

/** The width of what is seen of a line, in pixels. Nothing is as wide as an empty line. */
export async function measureText(text: string, heightPx: number): Promise<number> {
  if (text.trim() === "") return 0
  return (await drawn(text, heightPx)).width
}

async function register(): Promise<void> {
  for (const name of files) {
    const path = join(resourcesFolder(), ".cache/fonts", `${name}.ttf`)
    if (!(await Bun.file(path).exists())) throw new Error(`the font ${path} is missing: run scripts/setup`)
    await drawn("x", 16, path)
  }
}

/** At 72 dots per inch a point is a pixel. */
async function drawn(text: string, heightPx: number, fontfile?: string): Promise<OutputInfo> {
  const font = `${labelFont} ${heightPx}`
  const asked = { text: escaped(text), font, dpi: 72, rgba: true, ...(fontfile !== undefined && { fontfile }) }
  return (await sharp({ text: asked }).raw().toBuffer({ resolveWithObject: true })).info
}
