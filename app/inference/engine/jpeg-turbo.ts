import { createRequire } from "node:module"
import { join } from "node:path"
import { projectRoot } from "../../base/paths.ts"

type JpegTurbo = typeof import("@julusian/jpeg-turbo")

/**
 * libjpeg-turbo, from the binary inside the package: the package's own loader looks for a test runner's globals and stumbles
 * over those of Bun's. It is asked for from the project's folder, since a compiled file has no packages inside.
 */
const binary = `@julusian/jpeg-turbo/prebuilds/jpeg-turbo-${process.platform}-${process.arch}/node-napi-v10.node`
const turbo: JpegTurbo = createRequire(join(projectRoot, "package.json"))(binary)

/**
 * Decodes into `out` as red, green, blue. Throws when libjpeg-turbo meets anything it would warn about, and when the picture
 * does not fit.
 */
export function decompressRgb(picture: Uint8Array, out: Buffer): { readonly width: number; readonly height: number } {
  const bytes = Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength)
  return turbo.decompressSync(bytes, out, { format: turbo.FORMAT_RGB })
}
