import chinese from "@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-400-normal.woff2" with { type: "file" }
import cyrillic from "@fontsource/noto-sans-sc/files/noto-sans-sc-cyrillic-400-normal.woff2" with { type: "file" }
import latin from "@fontsource/noto-sans-sc/files/noto-sans-sc-latin-400-normal.woff2" with { type: "file" }
import latinExtended from "@fontsource/noto-sans-sc/files/noto-sans-sc-latin-ext-400-normal.woff2" with { type: "file" }
import vietnamese from "@fontsource/noto-sans-sc/files/noto-sans-sc-vietnamese-400-normal.woff2" with { type: "file" }
import { GlobalFonts } from "@napi-rs/canvas"

/** One family for each file: a letter is looked for in each in turn, then in the fonts of the machine. */
const files = { Latin: latin, "Latin extended": latinExtended, Vietnamese: vietnamese, Cyrillic: cyrillic, Chinese: chinese }

const nameOf = (script: string) => `Gatehouse ${script}`

/** For `context.font`: `16px ${labelFont}`. */
export const labelFont = Object.keys(files)
  .map((script) => `"${nameOf(script)}"`)
  .concat("sans-serif")
  .join(", ")

let registered: Promise<void> | undefined

/** A machine without fonts draws no text at all and says nothing about it, so the program brings its own. */
export function registerFonts(): Promise<void> {
  registered ??= register()
  return registered
}

async function register(): Promise<void> {
  for (const [script, path] of Object.entries(files)) {
    // Read by Bun, because a file inside a compiled program is none for a native library.
    const font = Buffer.from(await Bun.file(path).arrayBuffer())
    if (GlobalFonts.register(font, nameOf(script)) === null) throw new Error(`${path} is no font`)
  }
}
